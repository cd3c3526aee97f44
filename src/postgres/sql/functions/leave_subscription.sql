-- Removes a worker from a subscription, and frees its leases at once.
create or replace function :schema.leave_subscription(of_place text, by_worker text) returns void
language plpgsql
:as_owner
:plans_by_key
as $$
begin
  update :schema.checkpoints c set owner = null
  from (
    select c.partition from :schema.checkpoints c
    where c.place = of_place and c.owner = by_worker
    order by c.partition
    for update
  ) own
  where c.place = of_place and c.partition = own.partition and c.owner = by_worker;
  delete from :schema.workers w where w.place = of_place and w.worker = by_worker;
end
$$;
