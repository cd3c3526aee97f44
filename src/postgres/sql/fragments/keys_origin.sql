-- Identifies the server, the database and the table to which keys of streams belong. The same key with another origin may
-- mean another stream. A copy of a database has the same file numbers. The number of the table's file changes when the
-- table is created again, truncated or rewritten.
:server || ' ' || (select d.oid from pg_database d where d.datname = current_database())::text
  || ' ' || pg_relation_filenode(':schema.streams'::regclass)
