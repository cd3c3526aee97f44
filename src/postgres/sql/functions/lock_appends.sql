-- Waits until every transaction that has appended has ended, and blocks new appends until this transaction ends. Called
-- before a change of the projections that are inline.
--
-- Why no event is lost: mark_writer takes the same lock, shared, and reads the projections after that.
-- - An append that had the lock before has committed when this function returns. The change folds its events in.
-- - An append that gets the lock later reads the changed projections, and is refused unless it names them.
-- If the session that changes them dies, the server rolls back and releases the lock.
--
-- All new appends wait behind this lock request. So it waits for one second at most, and then returns false.
create or replace function :schema.lock_appends() returns boolean
language plpgsql
:as_owner
set lock_timeout = '1s'
as $$
begin
  perform pg_advisory_xact_lock(:appends_lock);
  return true;
exception when lock_not_available then
  return false;
end
$$;
