-- $1 subscription $2 partition $3 token $4 position
select :schema.unpark_event($1::text, $2::text::int, $3::text::bigint, $4::text::bigint)::text as held
