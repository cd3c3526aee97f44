-- $1 name
select pg_advisory_xact_lock(hashtext('eventsourced.:schema_name'), :schema.projection_lock($1::text))::text
