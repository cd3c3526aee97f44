-- The definition of each subscription, and the settings of its operators.
create table :schema.subscriptions (
  name text collate "C" not null,
  -- The key of its checkpoints, workers and parked events. Null: a successor has the place. No place is used twice,
  -- because the tokens of its leases begin at 0 again, and would accept a worker of an earlier subscription.
  place text collate "C",
  -- kind and version repeat those of the definition. All three are null while no program has started the subscription
  -- since the tables were at revision 1, except for the kind of a build.
  kind text,
  version int,
  -- json keeps the text unchanged.
  definition json,
  partitions int not null,
  is_paused boolean not null default false,
  -- The checkpoints of earlier numbers of partitions, as an array of arrays: see divide_partitions. Null: none.
  skip json,
  successor text collate "C",
  -- The number of changes of parked events by operators: see KeptLeases.parkedRequests in subscriptions.ts.
  parked_requests bigint not null default 0,
  revision bigint not null default 1,
  -- The id of the last call that changed or took over the subscription. If the answer of a call was lost, its retry
  -- recognizes by the id that the call has committed.
  change_id uuid,
  created_at timestamptz not null default date_trunc('milliseconds', clock_timestamp()),
  constraint subscriptions_pkey primary key (name),
  constraint subscriptions_place_key unique (place)
) with (fillfactor = 80);

-- The place of a subscription from before this revision is its name. New places are UUIDs.
-- parked_requests: an operator may have requested a retry before, so the workers must read the parked events once.
insert into :schema.subscriptions (name, place, kind, partitions, parked_requests)
select
  c.subscription,
  c.subscription,
  case when c.subscription like '$build:%' then 'build' end,
  count(*),
  (exists (select from :schema.parked_events p where p.subscription = c.subscription))::int
from :schema.checkpoints c
group by c.subscription;

-- A worker without checkpoints belongs to no subscription.
delete from :schema.workers w
where not exists (select from :schema.checkpoints c where c.subscription = w.subscription);

-- The view reads a column that this migration drops. Dropping the view too would drop the privileges on it. The views
-- of this revision replace this one.
create or replace view :schema.monitored_subscriptions as
select
  c.subscription,
  c.partition,
  c.position,
  null::bigint as positions_behind,
  null::timestamptz as waiting_since,
  c.owner,
  null::bigint as parked
from :schema.checkpoints c;

alter table :schema.checkpoints rename column subscription to place;
-- A lease lasts for as long as its owner is alive. So a heartbeat writes one row for each worker, and none for a lease.
alter table :schema.checkpoints drop column lease_until;

alter table :schema.workers rename column subscription to place;
-- When the worker joined. A worker that was removed as dead joins again: see keep_leases.
alter table :schema.workers add column joined_at timestamptz not null default now();

alter table :schema.parked_events rename column subscription to place;

-- Their parameters have other names or types now, or their callers expect other results.
drop function if exists :schema.advance_checkpoint(text, int, bigint, bigint);
drop function if exists :schema.create_subscription(text, int, bigint);
drop function if exists :schema.keep_leases(text, text, int);
drop function if exists :schema.leave_subscription(text, text);
drop function if exists :schema.move_checkpoints(text, bigint);
drop function if exists :schema.park_events(text, int, bigint, bigint, bigint[], text[], uuid[], text[], text[], int[], text[], text[]);
drop function if exists :schema.parked_to_handle(text, int, bigint);
drop function if exists :schema.release_lease(text, int, bigint);
drop function if exists :schema.retry_parked(text, bigint);
drop function if exists :schema.skip_parked(text, bigint);
drop function if exists :schema.unpark_event(text, int, bigint, bigint);
