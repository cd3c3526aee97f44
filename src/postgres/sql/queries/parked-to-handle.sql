-- $1 place $2 partition $3 limit $4 number of partitions
-- Returns one row without an event if there are none, and no row if the place has another number of partitions: see
-- parked-streams.
select
:parked_columns
from :schema.subscriptions s
left join lateral :schema.parked_to_handle(s.place, $2::text::int, $3::text::bigint) p on true
where s.place = $1::text and s.partitions = $4::text::int
order by p.position
