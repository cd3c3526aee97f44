-- $1 subscription $2 after $3 limit
select
:parked_columns
from :schema.parked_events p
where p.place = (select s.place from :schema.subscriptions s where s.name = $1::text)
  and p.position > $2::text::bigint
order by p.position
limit $3::text::bigint
