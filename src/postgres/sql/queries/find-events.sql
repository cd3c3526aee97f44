-- $1 event ids. Returns the stream, version and position of each id that is recorded.
select
  e.event_id::text, to_json(e.stream_id)::text as stream_id, e.version::text, e.position::text,
  ((date_part('epoch', e.recorded_at) * 1000)::bigint)::text as recorded_at
from unnest($1::text::uuid[]) as asked (event_id)
cross join lateral (
  select e.*, s.stream_id
  from :schema.events e
  join :schema.streams s on s.stream_key = e.stream_key
  where e.event_id = asked.event_id
  limit 1
) e
