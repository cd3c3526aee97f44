-- $1 place $2 partition. The streams with parked events, each with the position of its last one.
select to_json(p.stream_id)::text as stream_id, max(p.position)::text as position
from :schema.parked_events p
where p.place = $1::text and p.partition = $2::text::int
group by p.stream_id
