-- $1 name $2 lock timeout (or null)
-- All appends of the projection wait behind this lock request while it waits for an open one. So it waits only for the
-- lock timeout, and so do the later lock requests of the transaction. Null: as the setting of the transaction says.
-- Returns the former timeout.
with former as materialized (select current_setting('lock_timeout') as timeout),
bound as materialized (select former.timeout, set_config('lock_timeout', coalesce($2, former.timeout), true) from former)
select pg_advisory_xact_lock(':schema.projections'::regclass::int, :schema.projection_lock($1::text))::text,
  bound.timeout from bound
