-- The heartbeat of a worker: renews its leases, and takes free or expired leases until the worker has its share.
-- Returns one row for each lease that the worker holds, and one row with partition -1. Each row has the worker's share.
-- All times are the server's.
create or replace function :schema.keep_leases(of_subscription text, by_worker text, milliseconds int)
returns table (partition int, token bigint, checkpoint bigint, share int)
language plpgsql
:as_owner
as $$
declare
  _now timestamptz := clock_timestamp();
  _until timestamptz := clock_timestamp() + milliseconds * interval '1 millisecond';
  _share int;
  _held int;
begin
  insert into :schema.workers as w (subscription, worker, alive_until)
  values (of_subscription, by_worker, _until)
  on conflict on constraint workers_pkey do update set alive_until = excluded.alive_until;
  delete from :schema.workers w where w.subscription = of_subscription and w.alive_until <= _now;
  select ceil((select count(*) from :schema.checkpoints c where c.subscription = of_subscription)::numeric / count(*))
  into _share
  from :schema.workers w where w.subscription = of_subscription;

  -- This renews expired leases too: no other worker has taken them, so they still belong to this one.
  update :schema.checkpoints c set lease_until = _until
  where c.subscription = of_subscription and c.owner = by_worker;
  get diagnostics _held = row_count;

  -- `skip locked` skips leases that another worker is taking, or whose owner is about to commit.
  update :schema.checkpoints c set owner = by_worker, token = c.token + 1, lease_until = _until
  from (
    select f.partition from :schema.checkpoints f
    where f.subscription = of_subscription and (f.owner is null or f.lease_until <= _now)
      and f.owner is distinct from by_worker
    order by f.partition
    limit greatest(0, _share - _held)
    for update skip locked
  ) free
  where c.subscription = of_subscription and c.partition = free.partition;

  return query
  select c.partition, c.token, c.position, _share from :schema.checkpoints c
  where c.subscription = of_subscription and c.owner = by_worker
  union all
  select -1, 0, 0, _share;
end
$$;
