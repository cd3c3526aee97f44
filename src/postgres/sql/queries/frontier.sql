-- The frontier, the head of the log, and the writers that hold the frontier back, the longest running first. Postgres
-- shows the state of other roles' sessions only to members of pg_read_all_stats.
select
  f.frontier::text,
  (:last_given_position)::text as head,
  (
    select coalesce(json_agg(json_strip_nulls(json_build_object(
      'pid', a.pid,
      'applicationName', a.application_name,
      'state', a.state,
      'openTime', (date_part('epoch', clock_timestamp() - a.xact_start) * 1000)::bigint
    )) order by a.xact_start), '[]')
    from pg_stat_activity a
    where a.pid in (select m.pid from :schema.writer_markers m)
  )::text as writers
from :schema.frontier() as f (frontier)
