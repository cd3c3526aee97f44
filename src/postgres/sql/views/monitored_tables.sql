-- The size and the vacuum state of each table. rows: an estimate, from the last vacuum or analyze. freeze_age: how
-- close Postgres is to forcing a freeze of the table or its large values (TOAST), which begins at 1. A partitioned table
-- has a row for each partition.
create or replace view :schema.monitored_tables as
select
  c.relname::text as "table",
  greatest(c.reltuples, 0)::bigint as rows,
  pg_table_size(c.oid) as table_bytes,
  pg_indexes_size(c.oid) as index_bytes,
  s.n_dead_tup as dead_rows,
  s.n_ins_since_vacuum as inserted_since_vacuum,
  greatest(s.last_vacuum, s.last_autovacuum) as vacuumed_at,
  round(greatest(age(c.relfrozenxid), age(t.relfrozenxid))::numeric / current_setting('autovacuum_freeze_max_age')::numeric, 3) as freeze_age
from pg_class c
left join pg_class t on t.oid = c.reltoastrelid
left join pg_stat_all_tables s on s.relid = c.oid
where c.relnamespace = to_regnamespace(':schema') and c.relkind = 'r';
