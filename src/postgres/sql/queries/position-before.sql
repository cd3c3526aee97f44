-- $1 time. Returns the position before the first event at or after the time, or the end of the log.
select coalesce(
  (select min(e.position) - 1 from :schema.events e where e.recorded_at >= $1::text::timestamptz),
  (select max(e.position) from :schema.events e),
  0
)::text as position
