-- Locks projections, shared and until the end of the transaction, so that the transaction may write
-- their documents in these generations.
-- Returns false if one of the generations is no longer the one that is read.
--
-- Must be called before the transaction takes positions. A rebuild holds the exclusive lock while it waits for all
-- appends that have positions. It would wait forever for an append that waits for this lock.
create or replace function :schema.enter_projections(names text[], generations int[]) returns boolean
language plpgsql as $$
begin
  perform pg_advisory_xact_lock_shared(':schema.projections'::regclass::int, :schema.projection_lock(p.name))
  from (select distinct n.name from unnest(names) as n (name)) p;
  -- This statement comes after the locks and has its own snapshot, so it sees a rebuild that has just committed.
  return not exists (
    select from unnest(names, generations) as asked (name, generation)
    left join :schema.projections p on p.name = asked.name
    where asked.generation <> coalesce(p.generation, 0)
  );
end
$$;
