-- The markers of the transactions that are appending now. Each will take only positions above its marked_position.
--
-- A marker is a shared advisory lock with two keys: the OID of the sequence, which no other schema has, and the low 32
-- bits of the position. pg_locks shows them as classid and objid. Its upper bits are those of the head, because a marker
-- is less than 2^32 positions old. It may be a little above the head that this view has read: at most 2^24 positions.
create or replace view :schema.writer_markers as
select l.pid, h.ceiling - ((h.ceiling - l.objid::bigint) & 4294967295) as marked_position
from pg_locks l
cross join (select :last_given_position + 16777216 as ceiling offset 0) h
where l.locktype = 'advisory'
  and l.mode = 'ShareLock'
  and l.granted
  and l.objsubid = 2
  and l.database = (select d.oid from pg_database d where d.datname = current_database())
  and l.classid = ':schema.event_positions'::regclass;
