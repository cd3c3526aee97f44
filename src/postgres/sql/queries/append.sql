-- $1 stream ids $2 expected versions $3 counts of events $4 owners $5 nths $6 event ids $7 types $11 atomic $12 retried
-- $8 data and $9 metadata: JSON texts with the separator U+001E between them, which JSON never contains $10 tags
-- All parameters are text, which every driver sends alike.
select
  array_to_json(a.outcomes)::text as outcomes,
  array_to_json(a.versions)::text as versions,
  (select json_agg((date_part('epoch', r) * 1000)::bigint) from unnest(a.recorded_ats) r)::text as recorded_ats,
  array_to_json(a.positions)::text as positions
from :schema.append_events(
  $1::text::text[],
  $2::text::bigint[],
  $3::text::int[],
  $4::text::int[],
  $5::text::int[],
  $6::text::uuid[],
  $7::text::text[],
  string_to_array($8::text, E'\x1e')::json[],
  string_to_array($9::text, E'\x1e', '')::json[],
  $10::text::text[],
  $11::text::boolean,
  $12::text::boolean
) a
