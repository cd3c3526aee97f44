-- The frontier, the head of the log, its last event, and the writers that hold the frontier back, the longest running first. Postgres
-- shows the state of other roles' sessions only to members of pg_read_all_stats.
select
  f.frontier::text,
  (:last_given_position)::text as head,
  l.position::text as last_position,
  floor(extract(epoch from l.recorded_at) * 1000)::text as last_recorded_at,
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
left join lateral (select e.position, e.recorded_at from :schema.events e order by e.position desc limit 1) l on true
