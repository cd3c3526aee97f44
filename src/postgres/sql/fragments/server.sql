-- Identifies the server that answers, and when it started.
extract(epoch from pg_postmaster_start_time())::text
