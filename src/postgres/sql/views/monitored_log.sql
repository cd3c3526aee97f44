-- The state of the log, in one row. The role needs SELECT on the sequence event_positions. Without it, head and
-- frontier are null, or on older servers the view fails.
--
-- head: the last position that was assigned. frontier: readers see the events up to this position.
-- held_by: the process id of the session that holds the frontier back with an append. held_since: when its transaction
-- began; null for other roles' sessions unless the role is a member of pg_monitor. Both are null if no append is
-- running.
create or replace view :schema.monitored_log as
select
  h.head,
  case when h.head is not null then least(h.head, m.marked_position) end as frontier,
  (select max(e.position) from :schema.events e) as last_position,
  (select e.recorded_at from :schema.events e order by e.position desc limit 1) as last_recorded_at,
  m.pid as held_by,
  m.xact_start as held_since
from (
  select case
    when has_sequence_privilege(':schema.event_positions'::regclass, 'SELECT') then :last_given_position
  end as head
  offset 0
) h
left join lateral (
  select w.pid, w.marked_position, a.xact_start
  from :schema.writer_markers w
  left join pg_stat_activity a on a.pid = w.pid
  order by w.marked_position
  limit 1
) m on true;
