-- $1 stream ids. When the last event of each was recorded, of those that exist and have events.
select s.stream_id, ((date_part('epoch', s.last_recorded_at) * 1000)::bigint)::text as last_recorded_at
from unnest($1::text::text[]) as asked (stream_id)
cross join lateral (
  select * from :schema.streams s where s.stream_id = asked.stream_id and s.last_recorded_at is not null limit 1
) s
