-- Returns the owners of the event ids that are recorded, in any stream. Each event id of the list has an owner, a
-- number that the caller chooses.
-- Without the settings, a plan made while the table is small would be a sequential scan, and would stay one.
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
