-- $1 functions $2 tables and views: see missing_privileges. Everything that the store checks before its first use, in
-- one round trip.
select
  (select json_agg(to_json(m)) from :schema.migrations m)::text as applied,
  (:events_protected)::text as events_protected,
  -- A replica refuses this with 25006, so that the driver closes the connection.
  case when pg_is_in_recovery() then pg_current_xact_id()::text end as not_on_a_replica,
  current_user::text as role,
:session_facts,
  :schema.sees_own_marker()::text as sees_own_marker,
  (
:missing_privileges
  )::text as missing,
  (
    select (q.seqincrement = 1 and q.seqcache = 1 and not q.seqcycle)::text
    from pg_sequence q where q.seqrelid = ':schema.event_positions'::regclass
  ) as is_ordered,
  -- The snapshot of the log is older than the value of the sequence, so that running appends do not matter.
  (select coalesce(max(e.position), 0) from :schema.events e)::text as last_position,
  (:last_given_position)::text as head,
  coalesce(pg_sequence_last_value(':schema.stream_keys'::regclass), 0)::text as last_stream_key,
  current_setting('fsync') as fsync,
  current_setting('full_page_writes') as full_page_writes,
  current_setting('synchronous_commit') as synchronous_commit
