-- $1 subscription $2 partitions $3 position
select :schema.create_subscription($1::text, $2::text::int, $3::text::bigint)::text as partitions
