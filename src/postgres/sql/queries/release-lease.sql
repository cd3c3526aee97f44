-- $1 subscription $2 partition $3 token
select :schema.release_lease($1::text, $2::text::int, $3::text::bigint)::text
