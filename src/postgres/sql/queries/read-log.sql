-- $1 after $2 until $3 types (or null) $4 stream prefix (or null) $5 forward $6 most events $7 most events in a row
select
  p.frontier::text, p.through::text, p.is_cut::text, p.event_count, p.positions, p.versions, p.recorded_ats, p.event_ids,
  p.types, p.data, p.metadata, p.tags, p.stream_ids
from :schema.read_log_page(
  $1::text::bigint, $2::text::bigint, $3::text::text[], $4::text, $5::text::boolean, $6::text::int, $7::text::int
) p
