-- $1 subscription $2 partition
select distinct to_json(p.stream_id)::text as stream_id from :schema.parked_events p
where p.subscription = $1::text and p.partition = $2::text::int
