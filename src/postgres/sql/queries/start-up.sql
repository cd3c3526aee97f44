-- $1 functions $2 tables and views: see missing_privileges. All that is looked at before the first use, in one round trip.
select
  (select json_agg(json_build_object('number', m.number, 'checksum', m.checksum)) from :schema.migrations m)::text as applied,
  -- Refused by the server itself (25006), so that the connection is closed.
  case when pg_is_in_recovery() then pg_current_xact_id()::text end as not_on_a_replica,
  current_user::text as role,
  (
:missing_privileges
  )::text as missing,
  (
    select (q.seqincrement = 1 and q.seqcache = 1 and not q.seqcycle)::text
    from pg_sequence q where q.seqrelid = ':schema.event_positions'::regclass
  ) as is_ordered,
  -- The log's end comes from a snapshot that is older than the sequence's, so that appends at work do not matter.
  (select coalesce(max(e.position), 0) from :schema.events e)::text as last_position,
  (:last_given_position)::text as head,
  current_setting('fsync') as fsync,
  current_setting('full_page_writes') as full_page_writes,
  current_setting('synchronous_commit') as synchronous_commit
