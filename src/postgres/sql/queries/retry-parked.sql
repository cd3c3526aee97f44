-- $1 subscription $2 position
select :schema.retry_parked($1::text, $2::text::bigint)::text as found
