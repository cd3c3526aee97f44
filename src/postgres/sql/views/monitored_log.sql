-- The state of the log, in one row. A role that is no member of pg_monitor sees nulls for the sessions of other roles.
-- head: the last position that was assigned. Null, as frontier, for a role that may not read the sequence. frontier: readers see the events up to this position, see frontier.
-- held_by, held_since: the session whose append has run longest, and when its transaction began. Readers see no event
-- after that append. Null: no append is running.
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
