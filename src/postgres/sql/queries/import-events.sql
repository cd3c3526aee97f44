-- $1 stream ids $2 owners $3 event ids $4 types $5 data $6 metadata $7 tags $8 recorded at $9 clamp times; as in append
select
  i.imported,
  to_json(i.stream_id)::text as stream_id,
  i.event_id::text,
  ((date_part('epoch', i.recorded_at) * 1000)::bigint)::text as recorded_at,
  ((date_part('epoch', i.previous_at) * 1000)::bigint)::text as previous_at
from :schema.import_events(
  $1::text::text[],
  $2::text::int[],
  $3::text::uuid[],
  $4::text::text[],
  string_to_array($5::text, E'\x1e')::json[],
  string_to_array($6::text, E'\x1e', '')::json[],
  $7::text::text[],
  $8::text::timestamptz[],
  $9::text::boolean
) i
