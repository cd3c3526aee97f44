-- $1 name
-- All appends of the projection wait behind this lock request while it waits for an open one. So it waits for a second
-- only, and so do the later lock requests of the transaction.
with bound as materialized (select set_config('lock_timeout', '1s', true))
select pg_advisory_xact_lock(':schema.projections'::regclass::int, :schema.projection_lock($1::text))::text from bound
