-- Identifies what assigned the keys of streams: the server, and the table. Keys that differ in it say nothing about each
-- other. The number of the table's file changes when the table is created again, or truncated.
:server || ' ' || pg_relation_filenode(':schema.streams'::regclass)
