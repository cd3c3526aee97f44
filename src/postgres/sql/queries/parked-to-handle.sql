-- $1 subscription $2 partition $3 limit
select
:parked_columns
from :schema.parked_events p
where p.subscription = $1::text and p.partition = $2::text::int
  and (
    p.state = 'retrying'
    or (p.state = 'blocked' and not exists (
      select from :schema.parked_events earlier
      where earlier.subscription = p.subscription and earlier.stream_id = p.stream_id
        and earlier.position < p.position
    ))
  )
order by p.position
limit $3::text::bigint
