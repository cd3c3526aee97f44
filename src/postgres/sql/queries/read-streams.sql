-- $1 stream ids $2 first versions $3 last versions $4 as of (or null) $5 maximum numbers of events $6 backward,
-- each with one element per read
select
  r.place, r.stream_version::text, r.lower_version::text, r.upper_version::text, r.event_count, r.positions, r.versions,
  r.recorded_ats, r.event_ids, r.types, r.fitting, r.data, r.metadata, r.tags
from :schema.read_streams(
  $1::text::text[],
  $2::text::bigint[],
  $3::text::bigint[],
  $4::text::timestamptz[],
  $5::text::bigint[],
  $6::text::boolean[]
) r
