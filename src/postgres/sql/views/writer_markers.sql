-- The markers of the transactions that are appending now. Each will take only positions above its marked_position.
-- pg_locks shows a key of 64 bits as two halves, the upper one as classid. Only shared locks are markers.
create or replace view :schema.writer_markers as
select l.pid, ((l.classid::bigint & 65535) << 32) | l.objid::bigint as marked_position
from pg_locks l
where l.locktype = 'advisory'
  and l.mode = 'ShareLock'
  and l.granted
  and l.objsubid = 1
  and l.database = (select d.oid from pg_database d where d.datname = current_database())
  and l.classid::bigint >> 16 = :marker_space;
