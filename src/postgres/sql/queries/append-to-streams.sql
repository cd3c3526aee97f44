-- $1 stream ids $2 expected versions $3 counts of events $4 owners $5 nths $11 retried
-- $12 names and $13 versions of the inline projections $14 lock timeout (or null)
-- $6 event ids $7 types $8 data $9 metadata $10 tags: as in append-to-stream
select
  array_to_json(a.outcomes)::text as outcomes,
  array_to_json(a.versions)::text as versions,
  (select json_agg((date_part('epoch', r) * 1000)::bigint) from unnest(a.recorded_ats) r)::text as recorded_ats,
  array_to_json(a.positions)::text as positions
from :schema.append_to_streams(
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
  $12::text::text[],
  $13::text::int[],
  $14::text
) a
