-- $1 stream id
-- Names are returned as JSON, because a driver may drop a byte order mark at the beginning of a text.
select
  to_json(s.stream_id)::text as stream_id,
  s.version::text,
  ((date_part('epoch', s.created_at) * 1000)::bigint)::text as created_at,
  ((date_part('epoch', s.last_recorded_at) * 1000)::bigint)::text as last_recorded_at,
  s.metadata::text
from :schema.streams s
where s.stream_id = $1::text
