-- $1 stream ids $2 event counts $3 earliest $4 latest $5 owners $6 nths $7 event ids $8 types $9 data $10 metadata
-- $11 tags $12 recorded at $13 clamp times $14 sift $15 names and $16 versions of the inline projections
-- $17 lock timeout (or null)
select
  i.imported,
  i.after::text,
  to_json(i.stream_id)::text as stream_id,
  i.event_id::text,
  ((date_part('epoch', i.recorded_at) * 1000)::bigint)::text as recorded_at,
  ((date_part('epoch', i.previous_at) * 1000)::bigint)::text as previous_at
from :schema.import_events(
  $1::text::text[],
  $2::text::int[],
  $3::text::timestamptz[],
  $4::text::timestamptz[],
  $5::text::int[],
  $6::text::int[],
  $7::text::uuid[],
  $8::text::text[],
  string_to_array($9::text, E'\x1e'),
  string_to_array($10::text, E'\x1e', ''),
  $11::text::text[],
  $12::text::timestamptz[],
  $13::text::boolean,
  $14::text::boolean,
  $15::text::text[],
  $16::text::int[],
  $17::text
) i
