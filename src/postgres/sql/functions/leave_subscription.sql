-- Removes a worker from a subscription, and frees its leases at once.
create or replace function :schema.leave_subscription(of_subscription text, by_worker text) returns void
language plpgsql
:as_owner
as $$
begin
  update :schema.checkpoints c set owner = null, lease_until = null
  where c.subscription = of_subscription and c.owner = by_worker;
  delete from :schema.workers w where w.subscription = of_subscription and w.worker = by_worker;
end
$$;
