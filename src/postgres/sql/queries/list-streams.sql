-- $1 prefix $2 after $3 most streams
select
  s.stream_id,
  s.version::text,
  ((date_part('epoch', s.created_at) * 1000)::bigint)::text as created_at,
  ((date_part('epoch', s.last_recorded_at) * 1000)::bigint)::text as last_recorded_at,
  s.metadata::text
from :schema.streams s
where s.stream_id > $2::text
  and s.stream_id >= $1::text
  -- The last id that can begin so: ids have at most 512 bytes, and the highest character has four.
  and s.stream_id <= $1::text || repeat(chr(1114111), 128)
  and starts_with(s.stream_id, $1::text)
order by s.stream_id
limit $3::text::int
