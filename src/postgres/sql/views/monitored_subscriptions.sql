-- The progress of each partition of each subscription. owner: the worker that holds its lease now; null: none.
-- positions_behind: an upper bound for the number of events after its checkpoint. waiting_since: when the first event
-- after its checkpoint was recorded, in any partition. parked: the number of its parked events, with the blocked ones.
-- kind, version: null until a program of this revision has started the subscription.
create or replace view :schema.monitored_subscriptions as
select
  s.name as subscription,
  c.partition,
  c.position,
  greatest(l.last_position - c.position, 0) as positions_behind,
  (select e.recorded_at from :schema.events e where e.position > c.position order by e.position limit 1) as waiting_since,
  case when :owner_lives then c.owner end as owner,
  (
    select count(*) from :schema.parked_events p
    where p.place = c.place and p.partition = c.partition
  ) as parked,
  s.is_paused,
  s.kind,
  s.version
from :schema.subscriptions s
join :schema.checkpoints c on c.place = s.place
cross join (select coalesce(max(e.position), 0) as last_position from :schema.events e) l;
