-- $1 name
select pg_advisory_xact_lock(':schema.projections'::regclass::int, :schema.projection_lock($1::text))::text
