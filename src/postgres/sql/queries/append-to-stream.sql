-- $1 stream id $2 expected version (or null) $3 event ids $4 types $7 tags $8 retried $9 lock timeout (or null)
-- $5 data and $6 metadata: JSON texts with the separator U+001E between them, which JSON never contains
-- All parameters are text, which every driver sends in the same way.
select
  a.outcome,
  a.version::text,
  ((date_part('epoch', a.recorded_at) * 1000)::bigint)::text as recorded_at,
  array_to_json(a.positions)::text as positions
from :schema.append_to_stream(
  $1::text,
  $2::text::bigint,
  $3::text::uuid[],
  $4::text::text[],
  string_to_array($5::text, E'\x1e')::json[],
  string_to_array($6::text, E'\x1e', '')::json[],
  $7::text::text[],
  $8::text::boolean,
  $9::text
) a
