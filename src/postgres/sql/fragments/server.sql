-- Identifies the server that answers by the time when it started.
extract(epoch from pg_postmaster_start_time())::text
