-- The last position that was given out; 0: none. Not by `select last_value`, which reads the sequence without its lock: one time in 32,
-- nextval writes a number there, for the log of the server, that is 32 too high, and only then the right one.
coalesce(pg_sequence_last_value(':schema.event_positions'::regclass), 0)
