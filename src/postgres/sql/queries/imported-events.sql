-- $1 event ids $2 `after` of import_events, in the same transaction. Returns the version and the position of each event
-- that this call of import_events recorded.
select
  e.event_id::text, e.version::text, e.position::text,
  ((date_part('epoch', e.recorded_at) * 1000)::bigint)::text as recorded_at
from unnest($1::text::uuid[]) as asked (event_id)
cross join lateral (
  select * from :schema.events e where e.event_id = asked.event_id and e.position > $2::text::bigint limit 1
) e
