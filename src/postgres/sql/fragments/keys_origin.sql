-- Identifies the server and the table to which keys of streams belong. The same key with another origin may mean
-- another stream. The number of the table's file changes when the table is created again, truncated or rewritten.
:server || ' ' || pg_relation_filenode(':schema.streams'::regclass)
