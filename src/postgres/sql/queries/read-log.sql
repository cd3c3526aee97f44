-- $1 after $2 until $3 types (or null) $4 stream prefix (or null) $5 tags (or null) $6 partition and $7 number of
-- partitions (or null) $8 forward $9 maximum number of events $10 maximum number of events in a row $11 named (or null)
-- read_at, in milliseconds: before the statement takes the snapshot of its page.
select
  p.frontier::text, p.through::text, p.is_full::text, p.event_count, p.positions, p.versions, p.recorded_ats, p.event_ids,
  p.types, p.data, p.metadata, p.tags, p.stream_keys, p.names,
  (:last_given_position)::text as head,
  floor(extract(epoch from statement_timestamp()) * 1000)::text as read_at,
  :server as server,
  :keys_origin as origin
from :schema.log_page(
  $1::text::bigint,
  $2::text::bigint,
  $3::text::text[],
  $4::text,
  $5::text::text[],
  $6::text::int,
  $7::text::int,
  $8::text::boolean,
  $9::text::int,
  $10::text::int,
  $11::text::boolean
) p
