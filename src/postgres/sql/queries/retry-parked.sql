-- $1 subscription $2 positions $3 lock timeout (or null)
select to_json(:schema.retry_parked($1::text, $2::text::bigint[], $3::text))::text as positions
