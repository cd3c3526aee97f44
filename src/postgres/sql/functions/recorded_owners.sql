-- Of a list of events, each with a number (owner): the numbers of those whose id is recorded, in whatever stream.
-- Planned while the table is small, the lookups would be a sequential scan, and stay one.
create or replace function :schema.recorded_owners(owners int[], event_ids uuid[]) returns int[]
language sql stable
set enable_seqscan = off
set enable_hashjoin = off
set enable_mergejoin = off
as $$
  select coalesce(array_agg(distinct o.owner), '{}')
  from unnest(recorded_owners.owners, recorded_owners.event_ids) as o (owner, event_id)
  join :schema.events e on e.event_id = o.event_id
$$;
