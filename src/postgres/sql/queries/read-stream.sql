-- $1 stream id $2 first version $3 last version $4 as of (or null) $5 most events; :direction asc or desc
select s.version::text as stream_version, page.*
from (select $1::text as stream_id) asked
left join :schema.streams s on s.stream_id = asked.stream_id
cross join lateral (
  select :event_columns
  from (
    select * from :schema.events e
    where e.stream_id = asked.stream_id
      and e.version between $2::text::bigint and $3::text::bigint
      and ($4::text is null or e.recorded_at <= $4::text::timestamptz)
    order by e.version :direction
    limit $5::text::int
  ) e
) page
