-- The last position that the sequence assigned; 0: none.
-- `select last_value` would read the sequence without its lock, and can be 32 too high: every 32nd nextval first writes
-- such a value there, for the write-ahead log, and only then the right one.
coalesce(pg_sequence_last_value(':schema.event_positions'::regclass), 0)
