-- All events with the names of their streams, for people and reports. The library reads the tables.
create or replace view :schema.recorded_events as
select e.position, s.stream_id, e.version, e.type, e.data, e.metadata, e.tags, e.event_id, e.recorded_at
from :schema.events e
join :schema.streams s using (stream_key);
