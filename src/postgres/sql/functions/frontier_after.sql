-- Returns the frontier for a reader that asks only for events after a position: between that position and the returned
-- one, no event will appear any more. At or below that position, one may. See frontier.
--
-- A reader near the head, as one that follows the log is, needs no look at the locks, which takes long while other
-- applications hold thousands. If every position after its own has a visible event, no running writer can have one.
create or replace function :schema.frontier_after(after bigint) returns bigint
language plpgsql
-- The plan is made once per session, perhaps while the table is nearly empty. It must be the index scan.
set enable_seqscan = off
set enable_bitmapscan = off
as $$
declare
  _head bigint := :last_given_position;
begin
  if after < _head - 100 or pg_is_in_recovery() then
    return :schema.frontier();
  end if;
  -- This statement takes its snapshot after the head was read.
  if after < _head
    and (select count(*) from :schema.events e where e.position > after and e.position <= _head) < _head - after
  then
    return :schema.frontier();
  end if;
  return _head;
end
$$;
