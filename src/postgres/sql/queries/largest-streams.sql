-- $1 prefix $2 maximum number of streams. Returns the streams with the most events, and the others in the order of
-- the ids. Reads the whole table, or the part with the prefix: an index on the version would make each append slower,
-- because its update of the stream could not stay on the page (HOT).
-- Names are returned as JSON, because a driver may drop a byte order mark at the beginning of a text.
select
  to_json(s.stream_id)::text as stream_id,
  s.version::text,
  ((date_part('epoch', s.created_at) * 1000)::bigint)::text as created_at,
  ((date_part('epoch', s.last_recorded_at) * 1000)::bigint)::text as last_recorded_at,
  s.metadata::text
from (
  select * from :schema.streams s
  where starts_with(s.stream_id, $1::text)
  order by s.version desc, s.stream_id
  limit $2::text::int
) s
order by s.version desc, s.stream_id
