-- The parked events of one stream, in order: whether an earlier one blocks an event, and which one is the last.
create index parked_events_by_stream on :schema.parked_events (subscription, stream_id, position);

-- What the owner of a partition looks for again and again is small, however many events are parked.
create index parked_events_blocked on :schema.parked_events (subscription, partition, stream_id, position)
where state = 'blocked';
create index parked_events_retrying on :schema.parked_events (subscription, partition, position)
where state = 'retrying';
