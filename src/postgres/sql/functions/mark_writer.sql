-- Takes the writer marker: from now until its end, this transaction takes no position at or below the last one
-- that was given out before the call. To be called after the stream locks (waiting for those must not hold
-- readers back) and before the first nextval. See frontier.
--
-- The first marker serves a transaction to its end: one lock for each of its appends would fill the lock table.
-- A setting remembers that it is taken, and is undone with the lock when a savepoint is rolled back.
create or replace function :schema.mark_writer() returns void
language plpgsql as $$
declare
  _transaction text := pg_current_xact_id()::text;
begin
  if current_setting('eventsourced.marked_:schema', true) is distinct from _transaction then
    perform pg_advisory_xact_lock_shared(:schema.marker_key(:last_given_position));
    perform set_config('eventsourced.marked_:schema', _transaction, true);
  end if;
end
$$;
