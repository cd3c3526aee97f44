-- $1 after $2 until $3 types (or null) $4 stream prefix (or null) $5 forward $6 most events
select
  l.frontier::text, l.through::text, l.event_count, l.positions, l.versions, l.recorded_ats, l.event_ids,
  l.stream_ids, l.types, l.data, l.metadata, l.tags
from :schema.read_log(
  $1::text::bigint, $2::text::bigint, $3::text::text[], $4::text, $5::text::boolean, $6::text::int
) l
