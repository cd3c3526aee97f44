-- $1 name
-- All appends of the projection wait behind this lock request while it waits for an open one. So it waits for a second
-- only, and so do the later lock requests of the transaction. Returns the former timeout.
with former as materialized (select current_setting('lock_timeout') as timeout),
bound as materialized (select former.timeout, set_config('lock_timeout', '1s', true) from former)
select pg_advisory_xact_lock(':schema.projections'::regclass::int, :schema.projection_lock($1::text))::text,
  bound.timeout from bound
