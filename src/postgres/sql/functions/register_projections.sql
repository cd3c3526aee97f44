-- Registers the projections of the list that are not registered yet. Returns the registered ones, with their 1-based
-- place in the list. An inline projection is registered only if the log is empty and no append is running, because its
-- documents would lack earlier events.
--
-- Only the check under the lock counts: no append runs then, and later appends see the registration. See lock_appends. The
-- check before the lock avoids a lock request that all appends would wait behind for nothing. It must not look for running
-- appends: one of them may have registered the projection in its own transaction, so this call waits for its end.
create or replace function :schema.register_projections(names text[], versions int[], modes text[])
returns table (place int, version int, generation int, mode text)
language plpgsql
:as_owner
set lock_timeout = '1s'
as $$
declare
  _is_log_empty boolean := false;
begin
  if exists (
    select from unnest(names, modes) as n (name, mode)
    where n.mode = 'inline' and not exists (select from :schema.projections p where p.name = n.name)
  )
    and not exists (select from :schema.events)
  then
    perform pg_advisory_xact_lock(:appends_lock);
    _is_log_empty := not exists (select from :schema.events);
  end if;
  insert into :schema.projections as p (name, version, generation, mode, last_generation)
  select n.name, n.version, 1, n.mode, 1
  from unnest(names, versions, modes) as n (name, version, mode)
  where n.mode = 'async' or _is_log_empty
  order by n.name collate "C"
  on conflict do nothing;
  return query
  select n.place::int, p.version, p.generation, p.mode
  from unnest(names) with ordinality as n (name, place)
  join :schema.projections p on p.name = n.name;
end
$$;
