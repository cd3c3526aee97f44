-- Removes all workers of a place. A worker with the present name and version joins again with its next heartbeat. If the
-- heartbeat of a worker runs now, its row stays: its next heartbeat removes the row if the worker is superseded.
create or replace function :schema.forget_workers(of_place text) returns void
language plpgsql as $$
begin
  delete from :schema.workers w
  using (
    select w.worker from :schema.workers w where w.place = of_place order by w.worker for update skip locked
  ) idle
  where w.place = of_place and w.worker = idle.worker;
end
$$;
