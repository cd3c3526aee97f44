-- $1 projections $2 generations $3 keys $4 states $5 positions
select :schema.write_documents(
  $1::text::text[],
  $2::text::int[],
  $3::text::text[],
  string_to_array($4::text, E'\x1e', 'null')::json[],
  $5::text::bigint[]
)::text
