-- The position up to which the log is settled: no event will ever appear at or below it any more, and all that
-- are there are visible to a snapshot taken after this call. (The technique of writer markers: every append
-- holds a shared advisory lock that names a position below all it will take; see mark_writer.)
--
-- A writer that is absent from the locks in step 2 has either ended, and PostgreSQL releases locks only after
-- the commit is visible, or will take its positions above what step 1 saw.
create or replace function :schema.frontier() returns bigint
language plpgsql
:as_owner
as $$
declare
  _head bigint;
  _marked bigint;
begin
  if pg_is_in_recovery() then
    raise exception 'a replica does not know the running writers' using errcode = 'ES003';
  end if;
  -- Step 1.
  _head := :last_given_position;
  -- Step 2.
  select min(m.marked_position) into _marked from :schema.writer_markers m;
  return least(_head, coalesce(_marked, _head));
end
$$;
