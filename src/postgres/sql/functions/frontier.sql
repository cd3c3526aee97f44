-- Returns the frontier: the high-water mark up to which the log is settled. No event will appear at or below it any
-- more, and a snapshot taken after this call sees every event up to it.
--
-- The technique is writer markers: every append holds a shared advisory lock whose key contains a position below all
-- positions that the append will take. See mark_writer.
--
-- Why this is correct: step 2 may miss a writer for two reasons only.
-- - The writer has ended. PostgreSQL releases locks only after the commit is visible, so its events are visible.
-- - The writer has no marker yet. It will then take positions above the head that step 1 read.
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
  -- Step 1: read the head of the log.
  _head := :last_given_position;
  -- Step 2: read the lowest marker of a running writer.
  select min(m.marked_position) into _marked from :schema.writer_markers m;
  return least(_head, coalesce(_marked, _head));
end
$$;
