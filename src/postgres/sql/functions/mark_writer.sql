-- Takes the writer marker of this transaction. It promises that the transaction takes only positions above the last one
-- that the sequence assigned before this call. See frontier.
--
-- Must be called after the stream locks, because a wait for these must not hold readers back, and before the first
-- nextval.
--
-- A transaction takes only one marker: one for each of its appends could fill the lock table. A transaction-local
-- setting records that the marker is taken. A rollback to a savepoint undoes the setting together with the lock. Its name
-- contains no name of a schema, because Postgres ignores case in the names of settings.
create or replace function :schema.mark_writer() returns void
language plpgsql as $$
declare
  _transaction text := pg_current_xact_id()::text;
  _sequence oid := ':schema.event_positions'::regclass;
  _setting text := 'eventsourced.marked_' || _sequence;
begin
  if current_setting(_setting, true) is distinct from _transaction then
    -- The keys are signed, and the bits are those of the OID and of the position. See writer_markers.
    perform pg_advisory_xact_lock_shared(_sequence::int, ((:last_given_position << 32) >> 32)::int);
    perform set_config(_setting, _transaction, true);
  end if;
end
$$;
