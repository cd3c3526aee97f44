-- $1 place $2 partition $3 token $4 position $5 positions $6 stream ids $7 event ids $8 types $9 states
-- $10 failures $11 errors $12 stacks $13 the server that granted the lease
select (:server = $13::text and :schema.park_events(
  $1::text,
  $2::text::int,
  $3::text::bigint,
  $4::text::bigint,
  $5::text::bigint[],
  $6::text::text[],
  $7::text::uuid[],
  $8::text::text[],
  $9::text::text[],
  $10::text::int[],
  $11::text::text[],
  $12::text::text[]
))::text as held
