-- $1 time
select coalesce(
  (select min(e.position) - 1 from :schema.events e where e.recorded_at >= $1::text::timestamptz),
  (select max(e.position) from :schema.events e),
  0
)::text as position
