-- $1 place $2 partition $3 number of partitions. The streams with parked events, each with the position of its last one.
-- Returns one row without a stream if there are none, and no row if the place has another number of partitions: the
-- lease of the caller is lost then, and the partition of this number has other streams.
select to_json(p.stream_id)::text as stream_id, max(p.position)::text as position
from :schema.subscriptions s
left join :schema.parked_events p on p.place = s.place and p.partition = $2::text::int
where s.place = $1::text and s.partitions = $3::text::int
group by p.stream_id
