-- What revision 1 of the schema had besides the tables of the first three migrations, and a later revision has changed:
-- the functions of subscriptions, and the view that monitors them.

-- Moves a checkpoint forward, never back. Returns false if the lease is lost: no owner or another token holds the
-- partition.
create or replace function eventsourced.advance_checkpoint(
  of_subscription text,
  of_partition int,
  of_token bigint,
  to_position bigint
) returns boolean
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  update eventsourced.checkpoints c set position = greatest(c.position, to_position)
  where c.subscription = of_subscription and c.partition = of_partition and c.token = of_token and c.owner is not null;
  return found;
end
$$;

-- Creates the partitions of a subscription if it has none. Returns how many it has.
create or replace function eventsourced.create_subscription(of_subscription text, partitions int, from_position bigint)
returns bigint
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  insert into eventsourced.checkpoints (subscription, partition, position)
  select of_subscription, part, from_position
  from generate_series(0, partitions - 1) part
  where not exists (select from eventsourced.checkpoints c where c.subscription = of_subscription)
  on conflict do nothing;
  return (select count(*) from eventsourced.checkpoints c where c.subscription = of_subscription);
end
$$;

-- The heartbeat of a worker: renews its leases, and takes free or expired leases until the worker has its share.
-- Returns one row for each lease that the worker holds, and one row with partition -1. Each row has the worker's share.
-- All times are the server's.
create or replace function eventsourced.keep_leases(of_subscription text, by_worker text, milliseconds int)
returns table (partition int, token bigint, checkpoint bigint, share int)
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  _now timestamptz := clock_timestamp();
  _until timestamptz := clock_timestamp() + milliseconds * interval '1 millisecond';
  _share int;
  _held int;
begin
  insert into eventsourced.workers as w (subscription, worker, alive_until)
  values (of_subscription, by_worker, _until)
  on conflict on constraint workers_pkey do update set alive_until = excluded.alive_until;
  delete from eventsourced.workers w where w.subscription = of_subscription and w.alive_until <= _now;
  select ceil((select count(*) from eventsourced.checkpoints c where c.subscription = of_subscription)::numeric / count(*))
  into _share
  from eventsourced.workers w where w.subscription = of_subscription;

  -- This renews expired leases too: no other worker has taken them, so they still belong to this one.
  update eventsourced.checkpoints c set lease_until = _until
  where c.subscription = of_subscription and c.owner = by_worker;
  get diagnostics _held = row_count;

  -- `skip locked` skips leases that another worker is taking, or whose owner is about to commit.
  update eventsourced.checkpoints c set owner = by_worker, token = c.token + 1, lease_until = _until
  from (
    select f.partition from eventsourced.checkpoints f
    where f.subscription = of_subscription and (f.owner is null or f.lease_until <= _now)
      and f.owner is distinct from by_worker
    order by f.partition
    limit greatest(0, _share - _held)
    for update skip locked
  ) free
  where c.subscription = of_subscription and c.partition = free.partition;

  return query
  select c.partition, c.token, c.position, _share from eventsourced.checkpoints c
  where c.subscription = of_subscription and c.owner = by_worker
  union all
  select -1, 0, 0, _share;
end
$$;

-- Removes a worker from a subscription, and frees its leases at once.
create or replace function eventsourced.leave_subscription(of_subscription text, by_worker text) returns void
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  update eventsourced.checkpoints c set owner = null, lease_until = null
  where c.subscription = of_subscription and c.owner = by_worker;
  delete from eventsourced.workers w where w.subscription = of_subscription and w.worker = by_worker;
end
$$;

-- Sets all checkpoints of a subscription to a position. Revokes all leases, and deletes the parked events up to the
-- position (inclusive).
create or replace function eventsourced.move_checkpoints(of_subscription text, to_position bigint) returns void
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  delete from eventsourced.parked_events p where p.subscription = of_subscription and p.position <= to_position;
  update eventsourced.checkpoints c set position = to_position, token = c.token + 1, owner = null, lease_until = null
  where c.subscription = of_subscription;
  if not found then
    insert into eventsourced.checkpoints (subscription, partition, position) values (of_subscription, 0, to_position);
  end if;
end
$$;

-- Parks events and moves the checkpoint forward. Returns false if the lease is lost.
create or replace function eventsourced.park_events(
  of_subscription text,
  of_partition int,
  of_token bigint,
  to_position bigint,
  positions bigint[],
  stream_ids text[],
  event_ids uuid[],
  types text[],
  states text[],
  failures int[],
  errors text[],
  stacks text[]
) returns boolean
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  if not eventsourced.advance_checkpoint(of_subscription, of_partition, of_token, to_position) then
    return false;
  end if;
  insert into eventsourced.parked_events as p
    (subscription, partition, position, stream_id, event_id, type, state, failures, error, stack, parked_at)
  select of_subscription, of_partition, e.*, clock_timestamp()
  from unnest(positions, stream_ids, event_ids, types, states, failures, errors, stacks) e
  on conflict (subscription, position) do update
  set state = excluded.state, failures = excluded.failures, error = excluded.error, stack = excluded.stack,
    parked_at = excluded.parked_at;
  return true;
end
$$;

-- Returns up to `most` parked events that the owner of a partition must handle now, in order of position: the retrying
-- ones, and the first blocked one of each stream unless an earlier event of the stream is parked.
--
-- `blocked` goes from stream to stream by the index, so that a call does not read the events behind the first one.
create or replace function eventsourced.parked_to_handle(of_subscription text, of_partition int, most bigint)
returns setof eventsourced.parked_events
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
-- The plan is made once per session, perhaps while the table is nearly empty. It must be lookups in the indexes, which
-- are right for any size.
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_bitmapscan = off
set enable_hashjoin = off
set enable_mergejoin = off
set jit = off
as $$
begin
  return query
  with recursive blocked as (
    (
      select p.stream_id, p.position from eventsourced.parked_events p
      where p.subscription = of_subscription and p.partition = of_partition and p.state = 'blocked'
      order by p.stream_id, p.position
      limit 1
    )
    union all
    select next.stream_id, next.position
    from blocked b
    cross join lateral (
      select p.stream_id, p.position from eventsourced.parked_events p
      where p.subscription = of_subscription and p.partition = of_partition and p.state = 'blocked'
        and p.stream_id > b.stream_id
      order by p.stream_id, p.position
      limit 1
    ) next
  ),
  due as (
    select b.position from blocked b
    where b.position = (
      select p.position from eventsourced.parked_events p
      where p.subscription = of_subscription and p.stream_id = b.stream_id
      order by p.position
      limit 1
    )
    union all
    (
      select p.position from eventsourced.parked_events p
      where p.subscription = of_subscription and p.partition = of_partition and p.state = 'retrying'
      order by p.position
      limit most
    )
  ),
  first as (select d.position from due d order by d.position limit most)
  select p.*
  from first f
  -- `offset 0` keeps the condition on the position inside. Without it, statistics of a small table can make it a filter
  -- of the join, behind a read of all parked events of the subscription.
  cross join lateral (
    select * from eventsourced.parked_events p
    where p.subscription = of_subscription and p.position = f.position
    offset 0
  ) p
  order by f.position;
end
$$;

-- Releases a lease, unless its token is no longer valid.
create or replace function eventsourced.release_lease(of_subscription text, of_partition int, of_token bigint) returns void
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  update eventsourced.checkpoints c set owner = null, lease_until = null
  where c.subscription = of_subscription and c.partition = of_partition and c.token = of_token;
end
$$;

-- Marks a parked event for a retry. Returns false if no event is parked at the position.
create or replace function eventsourced.retry_parked(of_subscription text, at_position bigint) returns boolean
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  update eventsourced.parked_events p set state = 'retrying'
  where p.subscription = of_subscription and p.position = at_position and p.state = 'parked';
  return exists (
    select from eventsourced.parked_events p where p.subscription = of_subscription and p.position = at_position
  );
end
$$;

-- Deletes a parked event that must not be handled. Returns false if no event is parked at the position.
create or replace function eventsourced.skip_parked(of_subscription text, at_position bigint) returns boolean
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  delete from eventsourced.parked_events p where p.subscription = of_subscription and p.position = at_position;
  return found;
end
$$;

-- Deletes a parked event that the holder of the lease has handled. Returns false if the lease is lost.
create or replace function eventsourced.unpark_event(
  of_subscription text,
  of_partition int,
  of_token bigint,
  at_position bigint
) returns boolean
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  perform from eventsourced.checkpoints c
  where c.subscription = of_subscription and c.partition = of_partition and c.token = of_token and c.owner is not null
  for update;
  if not found then
    return false;
  end if;
  delete from eventsourced.parked_events p where p.subscription = of_subscription and p.position = at_position;
  return true;
end
$$;

-- How far each partition of each subscription is. owner: the worker that holds its lease now; null: none.
-- positions_behind: an upper bound for the number of events after its checkpoint. waiting_since: when the first event
-- after its checkpoint was recorded, in any partition. parked: the number of its parked events, with the blocked ones.
create or replace view eventsourced.monitored_subscriptions as
select
  c.subscription,
  c.partition,
  c.position,
  greatest(l.last_position - c.position, 0) as positions_behind,
  (select e.recorded_at from eventsourced.events e where e.position > c.position order by e.position limit 1) as waiting_since,
  case when c.lease_until > clock_timestamp() then c.owner end as owner,
  (
    select count(*) from eventsourced.parked_events p
    where p.subscription = c.subscription and p.partition = c.partition
  ) as parked
from eventsourced.checkpoints c
cross join (select coalesce(max(e.position), 0) as last_position from eventsourced.events e) l;
