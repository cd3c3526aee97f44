-- How far each partition of each subscription is. owner: the worker that holds its lease now; null: none.
-- positions_behind: an upper bound for the number of events after its checkpoint. waiting_since: when the first event
-- after its checkpoint was recorded, in any partition. parked: the number of its parked events, with the blocked ones.
create or replace view :schema.monitored_subscriptions as
select
  c.subscription,
  c.partition,
  c.position,
  greatest(l.last_position - c.position, 0) as positions_behind,
  (select e.recorded_at from :schema.events e where e.position > c.position order by e.position limit 1) as waiting_since,
  case when c.lease_until > clock_timestamp() then c.owner end as owner,
  (
    select count(*) from :schema.parked_events p
    where p.subscription = c.subscription and p.partition = c.partition
  ) as parked
from :schema.checkpoints c
cross join (select coalesce(max(e.position), 0) as last_position from :schema.events e) l;
