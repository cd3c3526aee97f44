-- $1 place $2 partition $3 token $4 position $5 the server that granted the lease
select (
  :server = $5::text and :schema.unpark_event($1::text, $2::text::int, $3::text::bigint, $4::text::bigint)
)::text as held
