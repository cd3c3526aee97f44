-- Takes a lock like a writer marker, and returns whether this session sees it as readers would. On a server without
-- advisory locks, or one that does not show them, readers would pass the events of running appends. The lock ends with
-- the transaction of the call.
--
-- Its first key is the OID of the table of events, and not of the sequence: it must not look like a running append,
-- which keeps inline projections from being registered.
create or replace function :schema.sees_own_marker() returns boolean
language plpgsql
:as_owner
as $$
declare
  _events oid := ':schema.events'::regclass;
begin
  perform pg_advisory_xact_lock_shared(_events::int, pg_backend_pid());
  return exists (
    select from pg_locks l
    where l.locktype = 'advisory'
      and l.mode = 'ShareLock'
      and l.granted
      and l.objsubid = 2
      and l.database = (select d.oid from pg_database d where d.datname = current_database())
      and l.classid = _events
      and l.objid::bigint = pg_backend_pid()
      and l.pid = pg_backend_pid()
  );
end
$$;
