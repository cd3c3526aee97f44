-- $14 projections $15 generations; the others as in append-to-streams
select
  a.stale::text,
  array_to_json(a.outcomes)::text as outcomes,
  array_to_json(a.versions)::text as versions,
  (select json_agg((date_part('epoch', r) * 1000)::bigint) from unnest(a.recorded_ats) r)::text as recorded_ats,
  array_to_json(a.positions)::text as positions
from :schema.append_with_documents(
  $14::text::text[],
  $15::text::int[],
  $1::text::text[],
  $2::text::int[],
  $3::text::bigint[],
  $4::text::int[],
  $5::text::int[],
  $6::text::int[],
  $7::text::uuid[],
  $8::text::text[],
  string_to_array($9::text, E'\x1e')::json[],
  string_to_array($10::text, E'\x1e', '')::json[],
  $11::text::text[],
  $12::text::boolean,
  $13::text::boolean
) a
