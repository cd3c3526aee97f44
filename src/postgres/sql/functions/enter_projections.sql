-- Takes part in writing the documents of projections until the end of the transaction, in these generations; false if
-- one of them is not the one that is read any more. To be called before positions are taken: who replaces the documents
-- waits for all appends that have positions, and would wait for ever for one that waits for this lock.
create or replace function :schema.enter_projections(names text[], generations int[]) returns boolean
language plpgsql as $$
begin
  perform pg_advisory_xact_lock_shared(hashtext('eventsourced.:schema'), :schema.projection_lock(p.name))
  from (select distinct n.name from unnest(names) as n (name)) p;
  -- After the locks, in a snapshot of its own.
  return not exists (
    select from unnest(names, generations) as asked (name, generation)
    left join :schema.projections p on p.name = asked.name
    where asked.generation <> coalesce(p.generation, 0)
  );
end
$$;
