-- Removes all workers of a place. Those that still fit join again with their next heartbeat. A worker whose heartbeat
-- runs now stays: its next heartbeat removes it if it no longer fits.
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
