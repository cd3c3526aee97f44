-- $1 name $2 lock timeout (or null: as the setting of the transaction says)
-- While this lock request waits for an open append, all other appends that write the projection's documents wait behind
-- it. So it waits only for the lock timeout, which stays set for the later statements of the transaction. Returns the
-- former timeout.
with former as materialized (select current_setting('lock_timeout') as timeout),
bound as materialized (select former.timeout, set_config('lock_timeout', coalesce($2::text, former.timeout), true) from former)
select pg_advisory_xact_lock(':schema.projections'::regclass::int, :schema.projection_lock($1::text))::text,
  bound.timeout from bound
