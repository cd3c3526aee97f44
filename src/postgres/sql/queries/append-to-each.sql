-- $1 stream ids $2 places $3 expected versions $4 counts of events $5 owners $6 nths $12 retried
-- $13 names and $14 versions of the inline projections $15 lock timeout (or null)
-- $7 event ids $8 types $9 data $10 metadata $11 tags: as in append-to-stream
select
  array_to_json(a.outcomes)::text as outcomes,
  array_to_json(a.versions)::text as versions,
  (select json_agg((date_part('epoch', r) * 1000)::bigint) from unnest(a.recorded_ats) r)::text as recorded_ats,
  array_to_json(a.positions)::text as positions
from :schema.append_to_each(
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
  $13::text::text[],
  $14::text::int[],
  $15::text
) a
