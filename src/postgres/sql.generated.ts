// Made by scripts/compile-sql.ts of the files in sql/. Do not edit.

export const migrations: readonly {
  readonly number: number
  readonly name: string
  readonly checksum: string
  readonly sql: string
}[] = [
  { number: 1, name: '0001_streams_and_events', checksum: '8458fd6b5cc21dfacb3b543757aedb8f', sql: `-- docs/decisions/0030-stream-keys.md gives the reasons for columns and indexes.

-- One row per stream, which has the stream's version and serves as its lock. No index contains a column that changes,
-- and pages keep free space, so that an update stays on its page (HOT).
create table :schema.streams (
  -- Stands for stream_id in events. Keys have gaps, and their order means nothing.
  stream_key bigint not null,
  version bigint not null,
  created_at timestamptz not null,
  last_recorded_at timestamptz,
  -- Set by create_stream. Distinguishes a retry after a lost answer from a second creation.
  creation_id uuid,
  stream_id text collate "C" not null,
  metadata json,
  constraint streams_pkey primary key (stream_key),
  constraint streams_stream_id_key unique (stream_id)
) with (fillfactor = 80);

create sequence :schema.stream_keys as bigint;

-- CACHE 1 is essential: a session with cached numbers would assign positions below its writer marker.
create sequence :schema.event_positions as bigint cache 1;

-- One row per event. Columns of fixed width come first, which saves padding. Absent metadata and tags are null.
create table :schema.events (
  position bigint not null,
  stream_key bigint not null,
  version bigint not null,
  recorded_at timestamptz not null,
  event_id uuid not null,
  type text collate "C" not null,
  -- json keeps the text unchanged (order of keys, digits of numbers), and is faster to write than jsonb.
  data json not null,
  metadata json,
  tags text[] collate "C",
  constraint events_pkey primary key (position),
  constraint events_stream_version_key unique (stream_key, version),
  constraint events_event_id_key unique (event_id)
) with (
  -- Rows never change, so vacuum freezes them when it first sees them, 500,000 at a time. With the server's settings
  -- it would freeze none for a long time, and then read and write the whole table at once.
  autovacuum_vacuum_insert_scale_factor = 0,
  autovacuum_vacuum_insert_threshold = 500000,
  autovacuum_freeze_min_age = 0
);

-- The positions that imports have filled, in runs without other events. Imported events keep their times, so they are
-- not in order with the others. See position_before.
create table :schema.imports (
  first_position bigint not null,
  last_position bigint primary key,
  -- The greatest recorded_at.
  latest timestamptz not null,
  imported_at timestamptz not null
);` },
  { number: 2, name: '0002_projections_and_subscriptions', checksum: '765e3522f378b7658e63164e4f81c07c', sql: `-- The generation of each projection's documents that readers use. version 0: no build is complete yet.
create table :schema.projections (
  name text collate "C" primary key,
  version int not null,
  generation int not null,
  mode text not null check (mode in ('inline', 'async')),
  -- An unfinished build.
  building_version int,
  building_generation int,
  -- No generation is used twice, because a process that was suspended for long may still write into an old one.
  last_generation int not null
);

-- Every append looks for inline projections. Most databases have few, or none.
create index projections_inline on :schema.projections (name) where mode = 'inline' and version > 0;

-- A row without a state is a placeholder that a transaction holds. Readers do not see it.
create table :schema.documents (
  projection text collate "C" not null,
  generation int not null,
  key text collate "C" not null,
  revision bigint not null,
  position bigint not null,
  state json,
  primary key (projection, generation, key)
) with (fillfactor = 85);

-- One row per partition. No index contains a column that changes, so that an update stays on its page (HOT).
create table :schema.checkpoints (
  subscription text collate "C" not null,
  partition int not null,
  position bigint not null,
  token bigint not null default 0,
  owner text collate "C",
  lease_until timestamptz,
  primary key (subscription, partition)
) with (fillfactor = 50);

create table :schema.workers (
  subscription text collate "C" not null,
  worker text collate "C" not null,
  alive_until timestamptz not null,
  primary key (subscription, worker)
) with (fillfactor = 50);

create table :schema.parked_events (
  subscription text collate "C" not null,
  position bigint not null,
  partition int not null,
  stream_id text collate "C" not null,
  event_id uuid not null,
  type text collate "C" not null,
  state text not null check (state in ('parked', 'blocked', 'retrying')),
  failures int not null,
  error text not null,
  stack text,
  parked_at timestamptz not null,
  primary key (subscription, position)
);` },
  { number: 3, name: '0003_parked_events_by_stream', checksum: '2dc5d7ed05a91b0e2a56239aeb60165a', sql: `-- The parked events of one stream, in order: whether an earlier one blocks an event, and which one is the last.
create index parked_events_by_stream on :schema.parked_events (subscription, stream_id, position);

-- What the owner of a partition looks for again and again is small, however many events are parked.
create index parked_events_blocked on :schema.parked_events (subscription, partition, stream_id, position)
where state = 'blocked';
create index parked_events_retrying on :schema.parked_events (subscription, partition, position)
where state = 'retrying';` },
  { number: 4, name: '0004_registry_of_subscriptions', checksum: 'af373ecaed13bc0bfdd8e21d775a10f9', sql: `-- The definition of each subscription, and the settings of its operators.
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
  case when c.subscription like '\$build:%' then 'build' end,
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
drop function if exists :schema.unpark_event(text, int, bigint, bigint);` },
]

/** The functions, the views and their privileges. The store applies them again unless the database has newer ones. */
export const routines: {
  /** The number of this state of the tables, functions and views. */
  readonly revision: number
  /** The lowest revision of a library whose processes work on these tables and functions. */
  readonly servesFrom: number
  readonly checksum: string
  /** Each function's name and the types of its parameters. */
  readonly functions: readonly string[]
  readonly sql: string
} = {
  revision: 2,
  servesFrom: 2,
  checksum: 'f4122951bfbbef0ce208f2fb608ae221',
  functions: [
    'advance_checkpoint(text, int, bigint, bigint)',
    'advance_checkpoints(text[], int[], bigint[], text[], bigint[])',
    'append_to_each(text[], int[], bigint[], int[], int[], int[], uuid[], text[], json[], json[], text[], boolean, text[], int[], text)',
    'append_to_stream(text, bigint, uuid[], text[], json[], json[], text[], boolean, text)',
    'append_to_streams(text[], bigint[], int[], int[], int[], uuid[], text[], json[], json[], text[], boolean, text[], int[], text)',
    'begin_build(text, int, text)',
    'change_subscription(text, text, bigint, uuid, json, int, bigint, boolean, text)',
    'create_stream(text, json, uuid, text)',
    'create_subscription(text, json, bigint, text)',
    'divide_partitions(text, int, bigint)',
    'drop_documents(text, int)',
    'enter_projections(text[], int[])',
    'forget_workers(text)',
    'frontier()',
    'frontier_after(bigint)',
    'has_type_index()',
    'import_events(text[], int[], timestamptz[], timestamptz[], int[], int[], uuid[], text[], text[], text[], text[], timestamptz[], boolean, boolean, text[], int[], text)',
    'is_expected(bigint, bigint)',
    'keep_leases(text[], text[], int[], text[], int[])',
    'layers_above(json, bigint)',
    'leave_subscription(text, text)',
    'list_documents(text, text, text, int)',
    'list_streams(text, text, int)',
    'lock_appends()',
    'lock_documents(text[], int[], text[], text)',
    'log_page(bigint, bigint, text[], text, text[], int, int, boolean, int, int, boolean)',
    'mark_writer(text[], int[])',
    'matching_positions(bigint, bigint, text[], text, text[], int, int, boolean, int)',
    'matching_streams(bigint[], text, int, int)',
    'move_checkpoints(text, json, bigint)',
    'park_events(text, int, bigint, bigint, bigint[], text[], uuid[], text[], text[], int[], text[], text[])',
    'parked_to_handle(text, int, bigint)',
    'part_of_stream(text, int)',
    'pause_subscription(text, boolean, text)',
    'position_before(timestamptz, bigint)',
    'positions_of_types(text[], bigint, bigint, boolean, int)',
    'projection_lock(text)',
    'protect_events()',
    'read_streams(text[], bigint[], bigint[], timestamptz[], bigint[], boolean[])',
    'recorded_owners(int[], uuid[])',
    'register_projections(text[], int[], text[])',
    'release_lease(text, int, bigint)',
    'release_leases(text[], int[], bigint[])',
    'remove_subscription(text, text, bigint, boolean, text)',
    'retry_parked(text, bigint[], text)',
    'sees_own_marker()',
    'set_partitions(text, int, bigint, bigint)',
    'set_projection(text, int, int, text)',
    'skip_parked(text, bigint[], text)',
    'stream_names(bigint[])',
    'take_over_subscription(text, text, bigint, uuid, text, json, text)',
    'unpark_event(text, int, bigint, bigint)',
    'version_as_of(bigint, timestamptz, bigint)',
    'write_documents(text[], int[], text[], json[], bigint[])',
  ],
  sql: `-- Moves a checkpoint forward, never back. Returns false if the lease is lost: no owner or another token holds the
-- partition. Waits for the checkpoint if another transaction holds it.
create or replace function :schema.advance_checkpoint(
  of_place text,
  of_partition int,
  of_token bigint,
  to_position bigint
) returns boolean
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as \$\$
begin
  update :schema.checkpoints c set position = greatest(c.position, to_position)
  where c.place = of_place and c.partition = of_partition and c.token = of_token and c.owner is not null;
  return found;
end
\$\$;

-- Moves checkpoints forward, never back. Does not wait for other transactions. Returns one outcome for each move, with its
-- 1-based number: 'moved'; 'busy' if another transaction holds the checkpoint, or has just ended the
-- lease; 'lost' if the lease is lost.
create or replace function :schema.advance_checkpoints(
  places text[],
  partitions int[],
  tokens bigint[],
  servers text[],
  positions bigint[]
)
returns table (move int, outcome text)
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_bitmapscan = off
set enable_hashjoin = off
set enable_mergejoin = off
set jit = off
as \$\$
begin
  return query
  with moves as materialized (
    select m.number, m.place, m.partition, m.token, m.position
    from unnest(places, partitions, tokens, servers, positions) with ordinality
      as m (place, partition, token, server, position, number)
    -- A new primary may lack the grant of the lease, and may have granted another lease with the same token.
    where m.server = extract(epoch from pg_postmaster_start_time())::text
    order by m.place collate "C", m.partition
  ),
  held as materialized (
    select m.number, m.place, m.partition, m.position as target, c.position
    from moves m
    cross join lateral (
      select c.position from :schema.checkpoints c
      where c.place = m.place and c.partition = m.partition and c.token = m.token and c.owner is not null
      for update skip locked
    ) c
  ),
  moved as (
    update :schema.checkpoints c set position = h.target
    from held h
    where c.place = h.place and c.partition = h.partition and h.position < h.target
  )
  select
    n.number::int,
    case
      when exists (select from held h where h.number = n.number) then 'moved'
      when exists (
        select from moves m
        join :schema.checkpoints c
          on c.place = m.place and c.partition = m.partition and c.token = m.token and c.owner is not null
        where m.number = n.number
      ) then 'busy'
      else 'lost'
    end
  from generate_series(1, cardinality(places)) as n (number);
end
\$\$;

-- Makes many appends in one call and one transaction, each with its own outcome (group commit). append_to_streams makes
-- all of its appends or none.
--
-- An append to a stream that another transaction has locked is 'busy' at once. If another transaction is creating one
-- of the new streams, the call waits for it, up to lock_timeout. Then the appends to all new streams are 'busy'.
--
-- stream_ids: the streams, each once.
-- Per append: the 1-based place of its stream in stream_ids, the expected version (see is_expected) and its number of
-- events, at least one. Appends to one stream are made in the order of the list.
-- Per event, in the order in which events get their positions: the 1-based place of its append (owner), its 1-based
-- number within that append (nth), and the event itself.
-- retried, lock_timeout: see append_to_stream. inline_names, inline_versions: see mark_writer.
--
-- Returns per append: outcome ('appended' | 'conflict' | 'repeated' | 'busy'), version and recorded_at. Only 'appended'
-- changes data. positions: of the events of all 'appended' appends, in order.
create or replace function :schema.append_to_each(
  stream_ids text[],
  places int[],
  expected_versions bigint[],
  event_counts int[],
  owners int[],
  nths int[],
  event_ids uuid[],
  types text[],
  data json[],
  metadata json[],
  tags text[],
  retried boolean,
  inline_names text[],
  inline_versions int[],
  lock_timeout text,
  out outcomes text[],
  out versions bigint[],
  out recorded_ats timestamptz[],
  out positions bigint[]
)
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_bitmapscan = off
set enable_hashjoin = off
set enable_mergejoin = off
set jit = off
as \$\$
declare
  _now timestamptz := date_trunc('milliseconds', clock_timestamp());
  -- Per stream: its key, or an unused key if the lock found no stream.
  _stream_keys bigint[];
  -- Per stream: its version before this call. Null: it does not exist, or another transaction has locked it. The
  -- statement that locks the streams cannot tell which.
  _heads bigint[];
  -- Per stream: its version after the appends decided so far. -1: the stream is busy.
  _versions bigint[];
  _times timestamptz[];
  _repeated boolean[];
  _new_streams int := 0;
  _created bigint[];
  _at int;
  _place int;
  _version bigint;
begin
  -- At any other isolation level the checks would use an old snapshot.
  if current_setting('transaction_isolation') <> 'read committed' then
    raise exception 'append_to_each needs READ COMMITTED' using errcode = 'ES001';
  end if;
  if lock_timeout is not null then
    perform set_config('lock_timeout', append_to_each.lock_timeout, true);
  end if;

  -- 1. Lock the streams that exist. Times never decrease in a stream, even if the clock steps back.
  select
    array_agg(coalesce(s.stream_key, nextval(':schema.stream_keys'))),
    array_agg(s.version),
    array_agg(greatest(_now, s.last_recorded_at))
  into _stream_keys, _heads, _times
  from unnest(stream_ids) as a (stream_id)
  left join lateral (
    select * from :schema.streams s where s.stream_id = a.stream_id for no key update skip locked
  ) s on true;
  _versions := _heads;
  if retried then
    -- Check after locking: an earlier attempt may have been about to commit.
    foreach _at in array :schema.recorded_owners(owners, event_ids) loop
      _repeated[_at] := true;
    end loop;
  end if;

  -- 2. Decide, append by append.
  for _at in 1 .. cardinality(places) loop
    _place := places[_at];
    _version := _versions[_place];
    if _repeated[_at] then
      outcomes[_at] := 'repeated';
    elsif _version = -1 then
      outcomes[_at] := 'busy';
    elsif :schema.is_expected(expected_versions[_at], _version) then
      outcomes[_at] := 'appended';
      if _version is null then
        _new_streams := _new_streams + 1;
        _version := 0;
      end if;
      _version := _version + event_counts[_at];
      _versions[_place] := _version;
    elsif _version is null then
      outcomes[_at] := 'busy';
      _versions[_place] := -1;
    else
      outcomes[_at] := 'conflict';
    end if;
    versions[_at] := _version;
    recorded_ats[_at] := _times[_place];
  end loop;

  -- 3. Create the new streams, in the order that all writers use, and update the versions of the others.
  if _new_streams > 0 then
    begin
      with created as (
        insert into :schema.streams as s (stream_key, stream_id, version, created_at, last_recorded_at)
        select n.stream_key, n.stream_id, n.version, _now, _now
        from unnest(_stream_keys, stream_ids, _heads, _versions) as n (stream_key, stream_id, head, version)
        where n.head is null and n.version > 0
        order by n.stream_id collate "C"
        on conflict on constraint streams_stream_id_key do nothing
        returning s.stream_key
      )
      select array_agg(c.stream_key) into _created from created c;
    exception when lock_not_available then
      -- Another transaction is creating one of them. The exception has rolled back the creation of the others.
      _created := null;
    end;
    if coalesce(cardinality(_created), 0) < _new_streams then
      for _at in 1 .. cardinality(places) loop
        _place := places[_at];
        if _heads[_place] is null and _stream_keys[_place] <> all (coalesce(_created, '{}'))
          and outcomes[_at] <> 'repeated'
        then
          outcomes[_at] := 'busy';
        end if;
      end loop;
    end if;
  end if;
  if _new_streams < cardinality(stream_ids) then
    update :schema.streams s
    set version = m.version, last_recorded_at = m.recorded_at
    from unnest(_stream_keys, _heads, _versions, _times) as m (stream_key, head, version, recorded_at)
    where m.version > m.head and s.stream_key = m.stream_key;
  end if;

  -- 4. Insert the events.
  if 'appended' = any (outcomes) then
    perform :schema.mark_writer(inline_names, inline_versions);
    with inserted as (
      insert into :schema.events
        (position, stream_key, version, recorded_at, event_id, type, data, metadata, tags)
      select
        nextval(':schema.event_positions'),
        _stream_keys[places[e.owner]],
        versions[e.owner] - event_counts[e.owner] + e.nth,
        recorded_ats[e.owner],
        e.event_id,
        e.type,
        e.data,
        e.metadata,
        e.tags::text[]
      from unnest(owners, nths, event_ids, types, data, metadata, tags)
        as e (owner, nth, event_id, type, data, metadata, tags)
      where outcomes[e.owner] = 'appended'
      returning position
    )
    select array_agg(i.position) into positions from inserted i;
  end if;

  -- 5. Distinguish repeats from conflicts. An append may repeat an earlier append of this call.
  if 'conflict' = any (outcomes) then
    foreach _at in array :schema.recorded_owners(owners, event_ids) loop
      if outcomes[_at] = 'conflict' then
        outcomes[_at] := 'repeated';
      end if;
    end loop;
  end if;
end
\$\$;

-- Appends to one stream, for a store without inline projections. If another transaction has locked the stream, waits,
-- or fails with 55P03 after lock_timeout. append_to_streams is the general form, and append_to_each makes a group of
-- appends.
--
-- expected_version: see is_expected.
-- retried: an earlier attempt of this call may have committed, so check its event ids first. A first attempt need not
-- check: taken ids show as a conflict, or as a violation of events_event_id_key.
-- lock_timeout: how long the transaction may wait for each lock from here on, for example '20ms'. Null: the function
-- leaves the setting of the session as it is.
--
-- outcome: 'appended' | 'conflict' | 'repeated' (some of the ids are recorded already). Every outcome but 'appended'
-- leaves the data unchanged. version: the new version, or the actual one after a conflict. positions: in the order of
-- the events.
create or replace function :schema.append_to_stream(
  stream_id text,
  expected_version bigint,
  event_ids uuid[],
  types text[],
  data json[],
  metadata json[],
  tags text[],
  retried boolean,
  lock_timeout text,
  out outcome text,
  out version bigint,
  out recorded_at timestamptz,
  out positions bigint[]
)
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as \$\$
declare
  _stream_key bigint;
  _event_count int := cardinality(event_ids);
  -- Whole milliseconds, the precision of a JavaScript Date: comparisons use exactly the time that readers see.
  _now timestamptz := date_trunc('milliseconds', clock_timestamp());
  _create boolean := expected_version in (0, -1);
begin
  -- At any other level the checks would use an old snapshot.
  if current_setting('transaction_isolation') <> 'read committed' then
    raise exception 'append_to_stream needs READ COMMITTED' using errcode = 'ES001';
  end if;

  if lock_timeout is not null then
    perform set_config('lock_timeout', append_to_stream.lock_timeout, true);
  end if;
  if retried then
    -- Lock first: an earlier attempt may be about to commit.
    perform from :schema.streams s where s.stream_id = append_to_stream.stream_id for no key update;
    if cardinality(:schema.recorded_owners(array_fill(1, array[_event_count]), event_ids)) > 0 then
      outcome := 'repeated';
      return;
    end if;
  end if;

  loop
    -- The stream should not exist yet. The insert both locks it and checks that.
    if _create then
      insert into :schema.streams as s (stream_key, stream_id, version, created_at, last_recorded_at)
      values (nextval(':schema.stream_keys'), append_to_stream.stream_id, _event_count, _now, _now)
      on conflict on constraint streams_stream_id_key do nothing
      returning s.stream_key into _stream_key;
      if found then
        version := _event_count;
        recorded_at := _now;
        exit;
      end if;
    end if;

    update :schema.streams s
    set version = s.version + _event_count, last_recorded_at = greatest(_now, s.last_recorded_at)
    where s.stream_id = append_to_stream.stream_id and :schema.is_expected(expected_version, s.version)
    returning s.stream_key, s.version, s.last_recorded_at into _stream_key, version, recorded_at;
    exit when found;

    if expected_version is not null then
      outcome := 'conflict';
      if cardinality(:schema.recorded_owners(array_fill(1, array[_event_count]), event_ids)) > 0 then
        outcome := 'repeated';
      end if;
      select s.version into version from :schema.streams s where s.stream_id = append_to_stream.stream_id;
      version := coalesce(version, 0);
      return;
    end if;
    -- Any version is accepted and the stream does not exist: create it. If another transaction creates it first,
    -- repeat.
    _create := true;
  end loop;

  outcome := 'appended';
  perform :schema.mark_writer('{}', '{}');
  with inserted as (
    insert into :schema.events
      (position, stream_key, version, recorded_at, event_id, type, data, metadata, tags)
    select
      nextval(':schema.event_positions'),
      _stream_key,
      append_to_stream.version - _event_count + e.nth,
      append_to_stream.recorded_at,
      e.event_id,
      e.type,
      e.data,
      e.metadata,
      e.tags::text[]
    from unnest(event_ids, types, data, metadata, tags) with ordinality
      as e (event_id, type, data, metadata, tags, nth)
    returning position
  )
  select array_agg(i.position) into positions from inserted i;
end
\$\$;

-- Makes several appends in one call and one transaction: all of them, or none. Waits for streams that other
-- transactions have locked, or fails with 55P03 after lock_timeout.
--
-- Per append: its stream (each stream once), the expected version (see is_expected) and its number of events. An append
-- without events only checks the version.
-- Per event, in the order in which events get their positions: the 1-based place of its append (owner), its 1-based
-- number within that append (nth), and the event itself.
-- retried, lock_timeout: see append_to_stream. inline_names, inline_versions: see mark_writer.
--
-- Returns per append: outcome ('appended' | 'conflict' | 'repeated'), version and recorded_at. The call changes data
-- only if every outcome is 'appended'. positions: of all events, in order.
create or replace function :schema.append_to_streams(
  stream_ids text[],
  expected_versions bigint[],
  event_counts int[],
  owners int[],
  nths int[],
  event_ids uuid[],
  types text[],
  data json[],
  metadata json[],
  tags text[],
  retried boolean,
  inline_names text[],
  inline_versions int[],
  lock_timeout text,
  out outcomes text[],
  out versions bigint[],
  out recorded_ats timestamptz[],
  out positions bigint[]
)
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_bitmapscan = off
set enable_hashjoin = off
set enable_mergejoin = off
set jit = off
as \$\$
declare
  _now timestamptz := date_trunc('milliseconds', clock_timestamp());
  -- Per stream.
  _stream_keys bigint[] := array_fill(null::bigint, array[cardinality(stream_ids)]);
  _times timestamptz[] := array_fill(_now, array[cardinality(stream_ids)]);
  -- The keys of the streams that this call creates, in the order of their ids.
  _created bigint[];
  _created_at int := 1;
  _repeated boolean[];
  _stream record;
  _at int;
begin
  -- At any other isolation level the checks would use an old snapshot.
  if current_setting('transaction_isolation') <> 'read committed' then
    raise exception 'append_to_streams needs READ COMMITTED' using errcode = 'ES001';
  end if;
  if lock_timeout is not null then
    perform set_config('lock_timeout', append_to_streams.lock_timeout, true);
  end if;

  -- 1. Create the missing streams and lock all of them, in the order that all writers use, so that two calls cannot
  -- deadlock. Missing streams that the call only checks are created too, and deleted at its end. Until the transaction
  -- ends, other transactions that want to create them wait.
  with created as (
    insert into :schema.streams as s (stream_key, stream_id, version, created_at)
    select nextval(':schema.stream_keys'), n.id, 0, _now
    from (select * from unnest(stream_ids) as n (id) order by n.id collate "C") n
    on conflict on constraint streams_stream_id_key do nothing
    returning s.stream_key, s.stream_id
  )
  select coalesce(array_agg(c.stream_key order by c.stream_id collate "C"), '{}') into _created from created c;
  versions := array_fill(null::bigint, array[cardinality(stream_ids)]);
  for _stream in
    select a.place, s.stream_key, s.version, s.last_recorded_at
    from (select * from unnest(stream_ids) with ordinality as s (id, place) order by s.id collate "C") a
    cross join lateral (select * from :schema.streams s where s.stream_id = a.id for no key update) s
  loop
    _stream_keys[_stream.place] := _stream.stream_key;
    -- Times never decrease in a stream, even if the clock steps back.
    _times[_stream.place] := greatest(_now, _stream.last_recorded_at);
    -- Both lists are in the order of stream ids, so the next created key is the only one to compare.
    if _stream.stream_key = _created[_created_at] then
      _created_at := _created_at + 1;
    else
      versions[_stream.place] := _stream.version;
    end if;
  end loop;
  if retried then
    -- Check after locking: an earlier attempt may have been about to commit.
    foreach _at in array :schema.recorded_owners(owners, event_ids) loop
      _repeated[_at] := true;
    end loop;
  end if;

  -- 2. Decide.
  for _at in 1 .. cardinality(stream_ids) loop
    if _repeated[_at] then
      outcomes[_at] := 'repeated';
    elsif :schema.is_expected(expected_versions[_at], versions[_at]) then
      outcomes[_at] := 'appended';
    else
      outcomes[_at] := 'conflict';
    end if;
    versions[_at] := coalesce(versions[_at], 0);
  end loop;
  if 'appended' <> any (outcomes) then
    delete from :schema.streams s where s.stream_key = any (_created);
    -- If this call is a repeat, one stream may show a conflict while another would accept its append again. Both are
    -- repeats.
    foreach _at in array :schema.recorded_owners(owners, event_ids) loop
      outcomes[_at] := 'repeated';
    end loop;
    return;
  end if;

  -- 3. Update the versions of the streams.
  for _at in 1 .. cardinality(stream_ids) loop
    versions[_at] := versions[_at] + event_counts[_at];
  end loop;
  recorded_ats := _times;
  update :schema.streams s
  set version = m.version, last_recorded_at = m.recorded_at
  from unnest(_stream_keys, event_counts, versions, _times) as m (stream_key, event_count, version, recorded_at)
  where m.event_count > 0 and s.stream_key = m.stream_key;
  if cardinality(_created) > 0 then
    delete from :schema.streams s where s.stream_key = any (_created) and s.version = 0;
  end if;

  -- 4. Insert the events.
  if cardinality(event_ids) > 0 then
    perform :schema.mark_writer(inline_names, inline_versions);
    with inserted as (
      insert into :schema.events
        (position, stream_key, version, recorded_at, event_id, type, data, metadata, tags)
      select
        nextval(':schema.event_positions'),
        _stream_keys[e.owner],
        versions[e.owner] - event_counts[e.owner] + e.nth,
        _times[e.owner],
        e.event_id,
        e.type,
        e.data,
        e.metadata,
        e.tags::text[]
      from unnest(owners, nths, event_ids, types, data, metadata, tags)
        as e (owner, nth, event_id, type, data, metadata, tags)
      returning position
    )
    select array_agg(i.position) into positions from inserted i;
  end if;
end
\$\$;

-- Returns the generation in which to build a version of a projection: of an unfinished build of that version (resumed),
-- or a new one.
create or replace function :schema.begin_build(
  of_projection text,
  to_version int,
  in_mode text,
  out generation int,
  out resumed boolean
)
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as \$\$
begin
  insert into :schema.projections (name, version, generation, mode, last_generation)
  values (of_projection, 0, 0, in_mode, 0)
  on conflict do nothing;
  select p.building_generation, p.building_version = to_version into generation, resumed
  from :schema.projections p where p.name = of_projection for update;
  if resumed is not true then
    resumed := false;
    update :schema.projections p
    set building_version = to_version, building_generation = p.last_generation + 1,
      last_generation = p.last_generation + 1
    where p.name = of_projection
    returning p.building_generation into generation;
  end if;
end
\$\$;

-- Changes a subscription, and ends all its leases. A parameter that is null changes nothing. Returns false, and changes
-- nothing, unless the subscription has this place and this revision.
--
-- again: to_position may move checkpoints back. Then the records of the parked events after it are deleted, because the
-- workers handle these events again.
--
-- The caller makes a change_id for each call. If the answer is lost and the caller retries, the id shows that this call
-- has changed the subscription. lock_timeout: see append_to_stream.
create or replace function :schema.change_subscription(
  of_subscription text,
  at_place text,
  at_revision bigint,
  change_id uuid,
  to_definition json,
  to_partitions int,
  to_position bigint,
  again boolean,
  lock_timeout text
) returns boolean
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_bitmapscan = off
set enable_hashjoin = off
set enable_mergejoin = off
set jit = off
as \$\$
declare
  _current :schema.subscriptions;
begin
  if lock_timeout is not null then
    perform set_config('lock_timeout', change_subscription.lock_timeout, true);
  end if;
  select s.* into _current from :schema.subscriptions s where s.name = of_subscription for update;
  if _current.change_id = change_subscription.change_id then
    return true;
  end if;
  if (_current.place = at_place and _current.revision = at_revision) is not true then
    return false;
  end if;

  if again then
    perform :schema.divide_partitions(at_place, to_partitions, to_position);
    delete from :schema.parked_events p where p.place = at_place and p.position > to_position;
  else
    perform :schema.divide_partitions(at_place, to_partitions, null);
    update :schema.checkpoints c set position = to_position where c.place = at_place and c.position < to_position;
  end if;
  update :schema.subscriptions s
  set definition = coalesce(to_definition, s.definition),
    kind = coalesce(to_definition ->> 'kind', s.kind),
    version = coalesce((to_definition ->> 'version')::int, s.version),
    revision = s.revision + 1,
    change_id = change_subscription.change_id
  where s.name = of_subscription;
  if to_definition is not null then
    -- Workers of an earlier definition must not count when shares are computed.
    perform :schema.forget_workers(at_place);
  end if;
  return true;
end
\$\$;

-- Registers an empty stream. The caller makes a creation_id for each call. If the answer is lost and the caller
-- retries, the id shows that this call created the stream. version: the version of the stream.
-- lock_timeout: see append_to_stream.
create or replace function :schema.create_stream(
  stream_id text,
  metadata json,
  creation_id uuid,
  lock_timeout text,
  out created boolean,
  out version bigint,
  out created_at timestamptz
)
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as \$\$
begin
  if lock_timeout is not null then
    perform set_config('lock_timeout', create_stream.lock_timeout, true);
  end if;
  insert into :schema.streams as s (stream_key, stream_id, version, created_at, metadata, creation_id)
  values (
    nextval(':schema.stream_keys'), create_stream.stream_id, 0, date_trunc('milliseconds', clock_timestamp()),
    create_stream.metadata, create_stream.creation_id
  )
  on conflict on constraint streams_stream_id_key do nothing;
  -- The insert waited for concurrent creations of the stream, and this statement sees their result.
  select s.creation_id is not distinct from create_stream.creation_id, s.version, s.created_at
  into created, version, created_at
  from :schema.streams s
  where s.stream_id = create_stream.stream_id;
end
\$\$;

-- Registers a subscription unless the name is registered. Returns the registered subscription, the new or the old one.
-- lock_timeout: see append_to_stream.
create or replace function :schema.create_subscription(
  of_subscription text,
  of_definition json,
  from_position bigint,
  lock_timeout text
)
returns setof :schema.subscriptions
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as \$\$
declare
  _place text;
begin
  if lock_timeout is not null then
    perform set_config('lock_timeout', create_subscription.lock_timeout, true);
  end if;
  loop
    -- Waits for another transaction that registers or removes the subscription.
    insert into :schema.subscriptions as s (name, place, kind, version, definition, partitions)
    values (
      of_subscription,
      gen_random_uuid()::text,
      of_definition ->> 'kind',
      (of_definition ->> 'version')::int,
      of_definition,
      (of_definition ->> 'partitions')::int
    )
    on conflict on constraint subscriptions_pkey do nothing
    returning s.place into _place;
    if found then
      perform :schema.set_partitions(_place, (of_definition ->> 'partitions')::int, from_position, 0);
    end if;
    return query select s.* from :schema.subscriptions s where s.name = of_subscription;
    -- If another transaction has removed the old one meanwhile, the loop registers the new one.
    exit when found;
  end loop;
end
\$\$;

-- Ends all leases of a subscription, and gives it another number of partitions or another position if they are not null.
-- The caller has locked its row. Waits for the transactions that hold checkpoints.
--
-- With another number of partitions, all begin at the lowest checkpoint. The checkpoints of the former partitions become a
-- skip layer: a worker skips an event that is at or before the checkpoint of the former partition of its stream. With
-- another position, all skip layers are deleted.
--
-- All checkpoints get the same token, higher than all before. So no token is used twice if the number of partitions
-- shrinks and grows again.
create or replace function :schema.divide_partitions(of_place text, to_partitions int, to_position bigint) returns void
language plpgsql
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_bitmapscan = off
set enable_hashjoin = off
set enable_mergejoin = off
set jit = off
as \$\$
declare
  _checkpoints bigint[];
  _token bigint;
  _lowest bigint;
  _partitions int;
begin
  select array_agg(c.position order by c.partition), max(c.token) + 1, min(c.position)
  into _checkpoints, _token, _lowest
  from (
    select c.partition, c.position, c.token from :schema.checkpoints c
    where c.place = of_place
    order by c.partition
    for update
  ) c;
  _partitions := coalesce(to_partitions, cardinality(_checkpoints));

  if to_position is not null then
    perform :schema.set_partitions(of_place, _partitions, to_position, _token);
    update :schema.subscriptions s set skip = null where s.place = of_place;
  elsif _partitions = cardinality(_checkpoints) then
    update :schema.checkpoints c set owner = null, token = _token where c.place = of_place;
  else
    perform :schema.set_partitions(of_place, _partitions, _lowest, _token);
    update :schema.subscriptions s
    set skip = :schema.layers_above(
      (
        select json_agg(l.layer order by l.number)
        from (
          select e.layer, e.number from json_array_elements(s.skip) with ordinality as e (layer, number)
          union all
          select to_json(_checkpoints), json_array_length(coalesce(s.skip, '[]')) + 1
        ) l
      ),
      _lowest
    )
    where s.place = of_place;
  end if;

  if _partitions <> cardinality(_checkpoints) then
    update :schema.subscriptions s set partitions = _partitions where s.place = of_place;
    update :schema.parked_events p set partition = :schema.part_of_stream(p.stream_id, _partitions)
    where p.place = of_place and p.partition <> :schema.part_of_stream(p.stream_id, _partitions);
  end if;
end
\$\$;

-- Deletes up to 10,000 documents of generations that are no longer read. Returns how many.
-- kept_generation: the generation of a build that continues. Null: an unfinished build is abandoned too.
create or replace function :schema.drop_documents(of_projection text, kept_generation int) returns bigint
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as \$\$
declare
  _dropped bigint;
begin
  if kept_generation is null then
    update :schema.projections p set building_version = null, building_generation = null
    where p.name = of_projection and p.building_generation is not null;
  end if;
  delete from :schema.documents d
  where d.ctid in (
    select o.ctid from :schema.documents o
    where o.projection = of_projection
      and o.generation is distinct from kept_generation
      and o.generation <> coalesce((select p.generation from :schema.projections p where p.name = of_projection), 0)
    limit 10000
  );
  get diagnostics _dropped = row_count;
  return _dropped;
end
\$\$;

-- Locks projections, shared and until the end of the transaction, so that the transaction may write
-- their documents in these generations.
-- Returns false if one of the generations is no longer the one that is read.
--
-- Must be called before the transaction takes positions. A rebuild holds the exclusive lock while it waits for all
-- appends that have positions. It would wait forever for an append that waits for this lock.
create or replace function :schema.enter_projections(names text[], generations int[]) returns boolean
language plpgsql as \$\$
begin
  perform pg_advisory_xact_lock_shared(':schema.projections'::regclass::int, :schema.projection_lock(p.name))
  from (select distinct n.name from unnest(names) as n (name)) p;
  -- This statement comes after the locks and has its own snapshot, so it sees a rebuild that has just committed.
  return not exists (
    select from unnest(names, generations) as asked (name, generation)
    left join :schema.projections p on p.name = asked.name
    where asked.generation <> coalesce(p.generation, 0)
  );
end
\$\$;

-- Removes all workers of a place. A worker with the present name and version joins again with its next heartbeat. If the
-- heartbeat of a worker runs now, its row stays: its next heartbeat removes the row if the worker is superseded.
create or replace function :schema.forget_workers(of_place text) returns void
language plpgsql as \$\$
begin
  delete from :schema.workers w
  using (
    select w.worker from :schema.workers w where w.place = of_place order by w.worker for update skip locked
  ) idle
  where w.place = of_place and w.worker = idle.worker;
end
\$\$;

-- Returns the frontier: the high-water mark up to which the log is settled. No event will appear at or below it any
-- more, and a snapshot taken after this call sees every event up to it.
--
-- The technique is writer markers: every append holds a shared advisory lock whose key contains a position below all
-- positions that the append will take. See mark_writer.
--
-- Why this is correct: step 2 may miss a writer for two reasons only.
-- - The writer has ended. PostgreSQL releases locks only after the commit is visible, so its events are visible.
-- - The writer has no marker yet. It will then take positions above the head that step 1 read.
create or replace function :schema.frontier() returns bigint
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as \$\$
declare
  _head bigint;
  _marked bigint;
begin
  if pg_is_in_recovery() then
    raise exception 'a replica does not know the running writers' using errcode = 'ES003';
  end if;
  -- Step 1: read the head of the log.
  _head := coalesce(pg_sequence_last_value(':schema.event_positions'::regclass), 0);
  -- Step 2: read the lowest marker of a running writer.
  select min(m.marked_position) into _marked from :schema.writer_markers m;
  return least(_head, coalesce(_marked, _head));
end
\$\$;

-- Returns the frontier for a reader that asks only for events after a position: between that position and the returned
-- one, no event will appear any more. At or below that position, one may. See frontier.
--
-- A reader near the head, as one that follows the log is, needs no look at the locks, which takes long while other
-- applications hold thousands. If every position after its own has a visible event, no running writer can have one.
create or replace function :schema.frontier_after(after bigint) returns bigint
language plpgsql
-- The plan is made once per session, perhaps while the table is nearly empty. It must be the index scan.
set enable_seqscan = off
set enable_bitmapscan = off
as \$\$
declare
  _head bigint := coalesce(pg_sequence_last_value(':schema.event_positions'::regclass), 0);
begin
  if after < _head - 100 or pg_is_in_recovery() then
    return :schema.frontier();
  end if;
  -- This statement takes its snapshot after the head was read.
  if after < _head
    and (select count(*) from :schema.events e where e.position > after and e.position <= _head) < _head - after
  then
    return :schema.frontier();
  end if;
  return _head;
end
\$\$;

-- Whether events has an index by type and position. The owner may create and drop it at any time, under any name. The
-- calling transaction must have read events: Postgres then finishes no drop of an index before the transaction ends.
create or replace function :schema.has_type_index() returns bool
language plpgsql stable
set plan_cache_mode = force_generic_plan
as \$\$
begin
  return exists (
    select
    from pg_index i
    join pg_class c on c.oid = i.indexrelid
    join pg_am m on m.oid = c.relam and m.amname = 'btree'
    join pg_attribute t on t.attrelid = i.indrelid and t.attnum = i.indkey[0] and t.attname = 'type'
    join pg_attribute p on p.attrelid = i.indrelid and p.attnum = i.indkey[1] and p.attname = 'position'
    join pg_opclass o on o.oid = i.indclass[0] and o.opcdefault
    where i.indrelid = ':schema.events'::regclass
      -- \`create index concurrently\` makes an index valid when it is complete.
      and i.indisvalid
      and not i.indcheckxmin
      and i.indpred is null
      and i.indnkeyatts >= 2
      and i.indcollation[0] = t.attcollation
      and (i.indoption[0], i.indoption[1]) = (0, 0)
  );
end
\$\$;

-- Appends events that another system recorded, in the given order. Skips events whose id their stream already has.
--
-- Per stream: its id, its number of events, and the earliest and the latest time of these events.
-- Per event: the 1-based place of its stream in stream_ids (owner), its 1-based number among that stream's events of
-- this call (nth), the event itself, and when it was recorded (null: now).
-- clamp_times: times never decrease in a stream. If an event is older than an earlier event of its stream, true records
-- it at that event's time. False refuses the import, and the answer names the event.
-- sift: whether to check every event. Needed if events may be recorded already, or are out of order in this call.
-- Without sift, the function checks only the ids of the first and the last event, and the earliest times. If it
-- overlooks a recorded id, events_event_id_key is violated, and the caller must repeat the call with sift.
-- inline_names, inline_versions: see mark_writer.
-- lock_timeout: see append_to_stream.
--
-- Returns imported: the number of imported events, or null if the import is refused. after: the position before the
-- first imported event; events that were recorded already, and so skipped, have no higher position. A refusal has
-- stream_id and either recorded_at and previous_at (an event out of order), or event_id (another stream, stream_id, has
-- this id).
create or replace function :schema.import_events(
  stream_ids text[],
  event_counts int[],
  earliest timestamptz[],
  latest timestamptz[],
  owners int[],
  nths int[],
  event_ids uuid[],
  types text[],
  data text[],
  metadata text[],
  tags text[],
  recorded_ats timestamptz[],
  clamp_times boolean,
  sift boolean,
  inline_names text[],
  inline_versions int[],
  lock_timeout text,
  out imported int,
  out after bigint,
  out stream_id text,
  out event_id uuid,
  out recorded_at timestamptz,
  out previous_at timestamptz
)
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
-- The plans are made once per session, perhaps while the tables are nearly empty. They must be lookups by key, which
-- are right for any size.
set enable_seqscan = off
set enable_bitmapscan = off
set enable_hashjoin = off
set enable_mergejoin = off
set jit = off
as \$\$
declare
  _now timestamptz := date_trunc('milliseconds', clock_timestamp());
  _stream_keys bigint[];
  _versions bigint[];
  _last timestamptz[];
  _first_position bigint;
  _last_position bigint;
  _latest timestamptz;
begin
  if current_setting('transaction_isolation') <> 'read committed' then
    raise exception 'import_events needs READ COMMITTED' using errcode = 'ES001';
  end if;
  if lock_timeout is not null then
    perform set_config('lock_timeout', import_events.lock_timeout, true);
  end if;

  begin
    -- Create missing streams and lock all of them, in the order that all writers use.
    insert into :schema.streams (stream_key, stream_id, version, created_at)
    select nextval(':schema.stream_keys'), s.id, 0, _now
    from (select * from unnest(stream_ids) as s (id) order by s.id collate "C") s
    on conflict on constraint streams_stream_id_key do nothing;

    select
      array_agg(l.stream_key order by l.owner),
      array_agg(l.version order by l.owner),
      array_agg(l.last_recorded_at order by l.owner)
    into _stream_keys, _versions, _last
    from (
      select a.owner, s.stream_key, s.version, s.last_recorded_at
      from (
        select * from unnest(stream_ids) with ordinality as s (id, owner) order by s.id collate "C"
      ) a
      cross join lateral (select * from :schema.streams s where s.stream_id = a.id for update) s
    ) l;

    if sift
      or exists (
        select from :schema.events r where r.event_id in (event_ids[1], event_ids[cardinality(event_ids)])
      )
      or exists (select from unnest(earliest, _last) as s (earliest, last) where s.earliest < s.last)
    then
      select s.stream_id, r.event_id into stream_id, event_id
      from unnest(owners, event_ids) as e (owner, event_id)
      cross join lateral (select * from :schema.events r where r.event_id = e.event_id limit 1) r
      join :schema.streams s on s.stream_key = r.stream_key
      where r.stream_key <> _stream_keys[e.owner]
      limit 1;
      if found then
        raise exception 'undo' using errcode = 'ES002';
      end if;

      with fresh as materialized (
        select
          e.*,
          row_number() over earlier as nth,
          greatest(_last[e.owner], max(coalesce(e.recorded_at, _now)) over earlier) as reached
        from unnest(owners, event_ids, types, data, metadata, tags, recorded_ats) with ordinality
          as e (owner, event_id, type, data, metadata, tags, recorded_at, at)
        where not exists (select from :schema.events r where r.event_id = e.event_id)
        window earlier as (partition by e.owner order by e.at)
      ),
      late as (
        select stream_ids[f.owner] as stream_id, f.recorded_at, f.reached
        from fresh f
        where not clamp_times and f.recorded_at < f.reached
        order by f.at
        limit 1
      ),
      moved as (
        select
          array_agg(m.event_count order by s.owner) as event_counts,
          array_agg(m.reached order by s.owner) as latest
        from generate_subscripts(stream_ids, 1) as s (owner)
        left join (
          select f.owner, count(*)::int as event_count, max(f.reached) as reached from fresh f group by f.owner
        ) m on m.owner = s.owner
      ),
      kept as (
        select
          array_agg(f.owner order by f.at) as owners,
          array_agg(f.nth::int order by f.at) as nths,
          array_agg(f.event_id order by f.at) as event_ids,
          array_agg(f.type order by f.at) as types,
          array_agg(f.data order by f.at) as data,
          array_agg(f.metadata order by f.at) as metadata,
          array_agg(f.tags order by f.at) as tags,
          array_agg(f.reached order by f.at) as recorded_ats
        from fresh f
      )
      select m.event_counts, m.latest, k.*, l.stream_id, l.recorded_at, l.reached
      into event_counts, latest, owners, nths, event_ids, types, data, metadata, tags, recorded_ats,
        stream_id, recorded_at, previous_at
      from kept k
      cross join moved m
      left join late l on true;

      if stream_id is not null then
        raise exception 'undo' using errcode = 'ES002';
      end if;
    end if;

    perform :schema.mark_writer(inline_names, inline_versions);
    with inserted as (
      insert into :schema.events as n
        (position, stream_key, version, recorded_at, event_id, type, data, metadata, tags)
      select
        nextval(':schema.event_positions'),
        _stream_keys[e.owner],
        _versions[e.owner] + e.nth,
        greatest(coalesce(e.recorded_at, _now), _last[e.owner]),
        e.event_id,
        e.type,
        e.data::json,
        e.metadata::json,
        e.tags::text[]
      -- Several unnest calls in one select list read the arrays directly, without a temporary store for each array.
      from (
        select
          unnest(owners) as owner,
          unnest(nths) as nth,
          unnest(event_ids) as event_id,
          unnest(types) as type,
          unnest(data) as data,
          unnest(metadata) as metadata,
          unnest(tags) as tags,
          unnest(recorded_ats) as recorded_at
      ) e
      returning n.position, n.recorded_at
    )
    select count(*), min(i.position), max(i.position), max(i.recorded_at)
    into imported, _first_position, _last_position, _latest
    from inserted i;

    after := _first_position - 1;
    if _last_position - _first_position + 1 = imported then
      insert into :schema.imports (first_position, last_position, latest, imported_at)
      values (_first_position, _last_position, _latest, clock_timestamp());
    elsif imported > 0 then
      -- Other transactions have taken positions in between.
      insert into :schema.imports (first_position, last_position, latest, imported_at)
      select min(i.position), max(i.position), max(i.recorded_at), clock_timestamp()
      from (
        select e.position, e.recorded_at, e.position - row_number() over (order by e.position) as run
        from unnest(event_ids) as own (event_id)
        join :schema.events e on e.event_id = own.event_id
        where e.position >= _first_position
      ) i
      group by i.run;
    end if;

    update :schema.streams s
    set version = s.version + m.event_count,
        last_recorded_at = greatest(coalesce(m.latest, _now), s.last_recorded_at)
    from unnest(_stream_keys, event_counts, latest) as m (stream_key, event_count, latest)
    where s.stream_key = m.stream_key and m.event_count > 0;
  exception when sqlstate 'ES002' then
    -- The exception has rolled back the block. The output parameters keep their values.
    return;
  end;
end
\$\$;

-- Whether the version of a stream is the one that the caller of an append expects. version: null if no stream exists.
-- expected_version: a version (0 matches a missing stream too), null (any), -1 (no stream), or -2 (the stream exists).
create or replace function :schema.is_expected(expected_version bigint, version bigint) returns boolean
language sql immutable as \$\$
  select case
    when expected_version is null then true
    when expected_version = -1 then version is null
    when expected_version = -2 then version is not null
    else coalesce(version, 0) = expected_version
  end
\$\$;

-- The heartbeat of a process, for all its workers: marks them as alive, removes dead workers, and takes free leases until
-- each worker has its share. Returns one row for each beat, with its 1-based number. All times are the server's.
--
-- A lease belongs to its owner for as long as the table of workers has a row of that owner. So a worker renews all its
-- leases by one row. A row whose time has ended still counts: the leases are free once another heartbeat has deleted it.
-- That deletion decides the race between a worker that wakes up late and another worker that takes its leases:
--
--     the late worker finds its row   no other worker has taken, or can take, its leases
--     it finds no row, perhaps        other workers may be taking its leases now. It joins again, and keeps the leases
--     after a wait for the deletion   whose checkpoints it can lock. Each of the other workers locks a checkpoint first,
--                                     and then searches once more for the row of its owner.
--
-- The call waits only for locks on the rows of its own workers. Another heartbeat holds such a lock while it removes the
-- worker as dead, and a change of the subscription holds it at its end. Neither of them waits for another lock at that
-- moment, and all calls lock these rows in the same order. So there is no deadlock.
--
-- If the subscription is changed, taken over or removed at the same time:
--   - The change locks all checkpoints before it ends their leases. So once this call has locked a checkpoint, the
--     registry does not change before the end of the call, and each statement sees what was committed before its start.
--   - A change that commits before this call takes leases: this call takes them only if the beat still fits.
--   - The last statement reads registry and checkpoints in one snapshot, so they belong together.
create or replace function :schema.keep_leases(
  names text[],
  places text[],
  versions int[],
  by_workers text[],
  milliseconds int[]
)
returns table (
  beat int,
  kind text,
  share int,
  is_paused boolean,
  partitions int,
  skip text,
  parked_requests bigint,
  leased text,
  tokens text,
  positions text
)
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_bitmapscan = off
set enable_hashjoin = off
set enable_mergejoin = off
set jit = off
as \$\$
declare
  _now timestamptz := clock_timestamp();
  -- The workers of this call that may continue, and whether each has joined with this call.
  _places text[];
  _workers text[];
  _joined boolean[];
  -- The checkpoints of joining workers that this call has locked.
  _own_places text[];
  _own_partitions int[];
  _has_joined boolean;
  -- The workers that hold less than their share, the revision of their subscription, and how many leases they lack.
  _short_places text[];
  _short_workers text[];
  _short_revisions bigint[];
  _lacking int[];
  -- The free checkpoints that this call has locked.
  _free_places text[];
  _free_partitions int[];
  _layered text[];
begin
  with alive as (
    insert into :schema.workers as w (place, worker, alive_until, joined_at)
    select b.place, b.worker, _now + b.longest * interval '1 millisecond', _now
    from (
      select b.place collate "C" as place, b.worker collate "C" as worker, max(b.longest) as longest
      from unnest(names, places, versions, by_workers, milliseconds) as b (name, place, version, worker, longest)
      join :schema.subscriptions s on s.name = b.name
      where s.place = b.place and coalesce(s.version, 0) <= b.version
      group by 1, 2
      order by 1, 2
    ) b
    on conflict on constraint workers_pkey do update set alive_until = excluded.alive_until
    returning w.place, w.worker, w.joined_at = _now as has_joined
  )
  select array_agg(a.place), array_agg(a.worker), array_agg(a.has_joined)
  into _places, _workers, _joined
  from alive a;

  -- Removes the workers of this call that are superseded, or whose subscription was removed.
  if coalesce(cardinality(_workers), 0) < cardinality(by_workers) then
    delete from :schema.workers w
    using (
      select w.place, w.worker
      from unnest(places, by_workers) as b (place, worker)
      cross join lateral (
        select w.place, w.worker from :schema.workers w
        where w.place = b.place and w.worker = b.worker
        for update skip locked
      ) w
      where not exists (
        select from unnest(_places, _workers) as a (place, worker) where a.place = b.place and a.worker = b.worker
      )
    ) gone
    where w.place = gone.place and w.worker = gone.worker;
  end if;

  delete from :schema.workers w
  using (
    select w.place, w.worker
    from (select distinct a.place from unnest(_places) as a (place)) p
    cross join lateral (
      select w.place, w.worker from :schema.workers w
      where w.place = p.place and w.alive_until <= _now
      for update skip locked
    ) w
  ) dead
  where w.place = dead.place and w.worker = dead.worker;

  _has_joined := coalesce(true = any (_joined), false);
  if _has_joined then
    select array_agg(c.place), array_agg(c.partition)
    into _own_places, _own_partitions
    from unnest(_places, _workers, _joined) as a (place, worker, has_joined)
    cross join lateral (
      select c.place, c.partition from :schema.checkpoints c
      where c.place = a.place and c.owner = a.worker
      for update skip locked
    ) c
    where a.has_joined;
  end if;

  select array_agg(l.place), array_agg(l.worker), array_agg(l.revision), array_agg(l.lacking)
  into _short_places, _short_workers, _short_revisions, _lacking
  from (
    select
      w.place,
      w.worker,
      s.revision,
      ceil(s.partitions::numeric / m.members)::int - h.held::int as lacking
    from unnest(names, places, versions, by_workers) as b (name, place, version, worker)
    join :schema.subscriptions s on s.name = b.name
    join :schema.workers w on w.place = b.place and w.worker = b.worker
    cross join lateral (select count(*) as members from :schema.workers o where o.place = w.place) m
    cross join lateral (
      select count(*) as held from :schema.checkpoints c where c.place = w.place and c.owner = w.worker
    ) h
    where s.place = b.place and coalesce(s.version, 0) <= b.version and not s.is_paused
  ) l
  where l.lacking > 0;

  if _short_places is not null then
    -- \`skip locked\` skips leases that another worker is taking, or whose owner is about to commit.
    select array_agg(c.place), array_agg(c.partition)
    into _free_places, _free_partitions
    from (
      select n.place, sum(n.lacking) as lacking
      from unnest(_short_places, _lacking) as n (place, lacking)
      group by n.place
    ) n
    cross join lateral (
      select c.place, c.partition from :schema.checkpoints c
      where c.place = n.place
        and (
          c.owner is null
          or not exists (select from :schema.workers w where w.place = c.place and w.worker = c.owner)
        )
      order by c.partition
      limit n.lacking
      for update skip locked
    ) c;
  end if;

  if _free_places is not null then
    -- Gives the first free leases of a place to its first worker, and so on.
    update :schema.checkpoints c set owner = n.worker, token = c.token + 1
    from (
      select f.place, f.partition, row_number() over (partition by f.place order by f.partition) as number
      from unnest(_free_places, _free_partitions) as f (place, partition)
    ) f
    join (
      select
        n.place,
        n.worker,
        n.revision,
        row_number() over (partition by n.place order by n.worker) as number
      from unnest(_short_places, _short_workers, _short_revisions, _lacking) as n (place, worker, revision, lacking)
      cross join generate_series(1, n.lacking)
    ) n on n.place = f.place and n.number = f.number
    join :schema.subscriptions s on s.place = n.place and s.revision = n.revision
    where c.place = f.place and c.partition = f.partition
      -- This statement comes after the locks and has its own snapshot. So it sees an owner that has joined again, and it
      -- sees by the revision that a change of the subscription has committed.
      and (
        c.owner is null
        or not exists (select from :schema.workers w where w.place = c.place and w.worker = c.owner)
      );
  end if;

  -- Removes the skip layers that all checkpoints are beyond.
  select array_agg(s.place)
  into _layered
  from unnest(_places) as a (place)
  cross join lateral (
    select s.place from :schema.subscriptions s
    where s.place = a.place and s.skip is not null
    for no key update skip locked
  ) s;
  if _layered is not null then
    update :schema.subscriptions s set skip = r.skip
    from unnest(_layered) as l (place)
    cross join lateral (select min(c.position) as lowest from :schema.checkpoints c where c.place = l.place) c
    cross join lateral (
      select :schema.layers_above(s.skip, c.lowest) as skip from :schema.subscriptions s where s.place = l.place
    ) r
    where s.place = l.place and s.skip::text is distinct from r.skip::text;
  end if;

  return query
  select
    b.number::int,
    k.kind,
    case when s.is_paused then 0 else ceil(s.partitions::numeric / greatest(1, m.members))::int end,
    s.is_paused,
    s.partitions,
    s.skip::text,
    s.parked_requests,
    h.leased,
    h.tokens,
    h.positions
  from unnest(names, places, versions, by_workers) with ordinality as b (name, place, version, worker, number)
  left join :schema.subscriptions s on s.name = b.name
  cross join lateral (
    select case
      when s.name is null or s.place <> b.place then 'removed'
      when s.place is null or s.version > b.version then 'superseded'
      else 'kept'
    end as kind
  ) k
  cross join lateral (select count(*) as members from :schema.workers w where w.place = b.place) m
  cross join lateral (
    select
      '[' || string_agg(c.partition::text, ',') || ']' as leased,
      '[' || string_agg(c.token::text, ',') || ']' as tokens,
      '[' || string_agg(c.position::text, ',') || ']' as positions
    from (
      select c.partition, c.token, c.position from :schema.checkpoints c
      where k.kind = 'kept' and c.place = b.place and c.owner = b.worker
        and (
          not _has_joined
          or not exists (
            select from unnest(_places, _workers, _joined) as a (place, worker, has_joined)
            where a.place = b.place and a.worker = b.worker and a.has_joined
          )
          or exists (
            select from unnest(_own_places || _free_places, _own_partitions || _free_partitions) as o (place, partition)
            where o.place = c.place and o.partition = c.partition
          )
        )
      order by c.partition
    ) c
  ) h
  order by b.number;
end
\$\$;

-- Returns the skip layers that reach beyond a position; null if none does. The function \`repartition\` in registry.ts must
-- return the same layers.
create or replace function :schema.layers_above(layers json, of_position bigint) returns json
language sql immutable as \$\$
  select json_agg(l.layer order by l.number)
  from json_array_elements(layers) with ordinality as l (layer, number)
  where (select max(p.position::bigint) from json_array_elements_text(l.layer) as p (position)) > of_position
\$\$;

-- Removes a worker from a subscription, and frees its leases at once.
create or replace function :schema.leave_subscription(of_place text, by_worker text) returns void
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_bitmapscan = off
set enable_hashjoin = off
set enable_mergejoin = off
set jit = off
as \$\$
begin
  update :schema.checkpoints c set owner = null
  from (
    select c.partition from :schema.checkpoints c
    where c.place = of_place and c.owner = by_worker
    order by c.partition
    for update
  ) own
  where c.place = of_place and c.partition = own.partition and c.owner = by_worker;
  delete from :schema.workers w where w.place = of_place and w.worker = by_worker;
end
\$\$;

-- Returns the documents of a projection's current generation whose keys begin with prefix and sort after \`after\`
-- (exclusive), in the order of the keys. Has a fixed plan and an upper bound of the keys, as list_streams does.
create or replace function :schema.list_documents(projection text, prefix text, after text, max_documents int)
returns setof :schema.documents
language sql stable
set enable_seqscan = off
set enable_bitmapscan = off
set enable_sort = off
as \$\$
  select d.* from :schema.documents d
  where d.projection = list_documents.projection
    and d.generation = coalesce(
      (select p.generation from :schema.projections p where p.name = list_documents.projection),
      0
    )
    and d.key > list_documents.after
    and d.key >= list_documents.prefix
    and d.key <= list_documents.prefix || repeat(chr(1114111), 128)
    and starts_with(d.key, list_documents.prefix)
    and d.state is not null
  order by d.key
  limit list_documents.max_documents
\$\$;

-- Returns the streams whose ids begin with prefix and sort after \`after\` (exclusive), in the order of the ids. Has a
-- fixed plan, for the reason that log_page states.
create or replace function :schema.list_streams(prefix text, after text, max_streams int)
returns setof :schema.streams
language sql stable
set enable_seqscan = off
set enable_bitmapscan = off
set enable_sort = off
as \$\$
  select s.* from :schema.streams s
  where s.stream_id > list_streams.after
    and s.stream_id >= list_streams.prefix
    -- The highest possible id with this prefix: ids have at most 512 bytes, and the highest character takes four.
    and s.stream_id <= list_streams.prefix || repeat(chr(1114111), 128)
    and starts_with(s.stream_id, list_streams.prefix)
  order by s.stream_id
  limit list_streams.max_streams
\$\$;

-- Waits until every transaction that has appended has ended, and blocks new appends until this transaction ends. Called
-- before a change of the projections that are inline.
--
-- Why no event is lost: mark_writer takes the same lock, shared, and reads the projections after that.
-- - An append that had the lock before has committed when this function returns. The change folds its events in.
-- - An append that gets the lock later reads the changed projections, and is refused unless it names them.
-- If the session that changes them dies, the server rolls back and releases the lock.
--
-- All new appends wait behind this lock request. So it waits for one second at most, and then returns false.
create or replace function :schema.lock_appends() returns boolean
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
set lock_timeout = '1s'
as \$\$
begin
  perform pg_advisory_xact_lock(':schema.documents'::regclass::int, 0);
  return true;
exception when lock_not_available then
  return false;
end
\$\$;

-- Locks documents until the end of the transaction. For a document that does not exist it inserts a placeholder, a row
-- without a state, so that no two transactions create the same document. All transactions lock in the same order.
--
-- lock_timeout: how long the function may wait for each lock, for example '100ms'. Null: as the setting of the
-- transaction says. Unlike append_to_stream, the function puts the setting back at its end: a raw projection may lock
-- documents between statements of its own, and these wait for locks as long as the user's settings say.
--
-- Returns one row for each document that has a state, with its 1-based place in the list. Returns a single row with
-- place 0 if a generation is no longer the one that is read.
create or replace function :schema.lock_documents(projections text[], generations int[], keys text[], lock_timeout text)
returns table (place int, state json, revision bigint, changed_at bigint)
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_bitmapscan = off
set enable_hashjoin = off
set enable_mergejoin = off
set jit = off
as \$\$
declare
  _locked bigint;
  _former text := current_setting('lock_timeout');
begin
  if lock_timeout is not null then
    perform set_config('lock_timeout', lock_documents.lock_timeout, true);
  end if;
  if not :schema.enter_projections(projections, generations) then
    perform set_config('lock_timeout', _former, true);
    place := 0;
    return next;
    return;
  end if;
  loop
    insert into :schema.documents as d (projection, generation, key, revision, position)
    select a.projection, a.generation, a.key, 0, 0
    from (
      select * from unnest(projections, generations, keys) as a (projection, generation, key)
      order by a.projection collate "C", a.generation, a.key collate "C"
    ) a
    where not exists (
      select from :schema.documents d
      where d.projection = a.projection and d.generation = a.generation and d.key = a.key
    )
    on conflict do nothing;

    perform d.key
    from (
      select * from unnest(projections, generations, keys) as a (projection, generation, key)
      order by a.projection collate "C", a.generation, a.key collate "C"
    ) a
    cross join lateral (
      select d.key from :schema.documents d
      where d.projection = a.projection and d.generation = a.generation and d.key = a.key
      for update
    ) d;
    get diagnostics _locked = row_count;
    -- If another transaction deleted a document between the two steps, it is not locked. Repeat.
    exit when _locked = cardinality(keys);
  end loop;
  perform set_config('lock_timeout', _former, true);
  return query
  select a.place::int, d.state, d.revision, d.position
  from unnest(projections, generations, keys) with ordinality as a (projection, generation, key, place)
  cross join lateral (
    select * from :schema.documents d
    where d.projection = a.projection and d.generation = a.generation and d.key = a.key and d.state is not null
    limit 1
  ) d;
end
\$\$;

-- Returns one page of the log together with the frontier that bounds it.
--
-- after: exclusive. until: inclusive.
-- only_types, stream_prefix, only_tags (an event must have all of them), part_index and part_count: null for no filter.
-- row_size: maximum number of events in a row. A page ends after max_events, or once it has 16 MiB of data and
-- metadata. A page with a filter also ends after 50,000 positions, whether their events match or not: a filter that few
-- events match must not make one statement read the whole log. If matching_positions can search for the events, the
-- page instead ends after 1,000 of them, or where that search ends.
-- named: whether the rows have names, the ids of their streams by their keys: see stream_names. null: only a page of a
-- single row has names: for so few, a second round trip would cost the client more.
--
-- The events come as columns, see event_columns. The columns are text here: the driver leaves them unparsed, and the
-- client parses them when the reader uses the page, while the server makes the next one.
-- The last row has no events. It has frontier, is_full (the page ended before the query's end) and through: the
-- position of the last event, matching or not, that the page has passed in its direction; 0: none. An event exists at
-- through, because positions without an event may be assigned again after a crash.
create or replace function :schema.log_page(
  after bigint,
  until bigint,
  only_types text[],
  stream_prefix text,
  only_tags text[],
  part_index int,
  part_count int,
  forward boolean,
  max_events int,
  row_size int,
  named boolean
)
returns table (
  frontier bigint,
  through bigint,
  is_full boolean,
  event_count int,
  positions text,
  versions text,
  recorded_ats text,
  event_ids text,
  types text,
  data text,
  metadata text,
  tags text,
  stream_keys text,
  names text
)
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
-- The plan is made once per session, perhaps while the table is nearly empty. It must be the ordered index scan, which
-- is right for any size, and not a sort of all events after the position. Without force_generic_plan, Postgres would
-- make a new plan for every row of the answer, and planning takes as long as reading.
set plan_cache_mode = force_generic_plan
set jit = off
set enable_seqscan = off
set enable_bitmapscan = off
set enable_sort = off
set enable_hashjoin = off
set enable_mergejoin = off
as \$\$
declare
  _frontier bigint;
  _left int := max_events;
  _events_per_row int := row_size;
  _row_size bigint;
  _share int;
  _fitting int;
  _size bigint := 0;
  _first bigint;
  _last bigint;
  _found bigint[];
  _reached bigint;
  _done int := 0;
  _is_filtered constant bool :=
    coalesce(only_types, only_tags) is not null or stream_prefix is not null or part_count is not null;
  _ends bool := false;
  _is_cut bool := false;
begin
  -- At any other isolation level the page would be read in a snapshot older than the frontier.
  if current_setting('transaction_isolation') <> 'read committed' then
    raise exception 'log_page needs READ COMMITTED' using errcode = 'ES001';
  end if;
  _frontier := case when forward then :schema.frontier_after(after) else :schema.frontier() end;
  until := least(until, _frontier);
  -- Each statement below takes its snapshot after the frontier was read, and the log up to the frontier never changes.
  if _is_filtered then
    -- Skip positions without events first, so that every page passes at least one event.
    if forward then
      select coalesce(min(e.position) - 1, until) into after from :schema.events e where e.position > after;
    else
      select coalesce(max(e.position), after) into until from :schema.events e where e.position <= until;
    end if;
    select * into _found, _reached from :schema.matching_positions(
      after, until, only_types, stream_prefix, only_tags, part_index, part_count, forward, least(max_events, 1000)
    );
    if _found is null and until - after > 50000 then
      _is_cut := true;
      if forward then
        until := after + 50000;
      else
        after := until - 50000;
      end if;
    end if;
  end if;

  while not _ends loop
    _row_size := least(_events_per_row, _left, greatest(until - after, 1));
    _share := case when _row_size > 1 then 209715 / _row_size else 2147483647 end;
    if _found is not null then
      select
        count(*)::int as event_count,
    ('[' || string_agg(e.position::text, ',') || ']')::varchar as positions,
    ('[' || string_agg(e.version::text, ',') || ']')::varchar as versions,
    ('[' || string_agg((date_part('epoch', e.recorded_at) * 1000)::bigint::text, ',') || ']')::varchar as recorded_ats,
    ('["' || string_agg(e.event_id::text, '","') || '"]')::varchar as event_ids,
    to_json(array_agg(e.type))::text::varchar as types,
    greatest(1, 209715 / max(e.size)) as fitting,
    case when max(e.size) <= _share then
      ('[' || string_agg(e.data::text, ',') filter (where e.size <= _share) || ']')::varchar
    end as data,
    case when max(e.size) <= _share and count(e.metadata) > 0 then
      ('[' || string_agg(coalesce(e.metadata::text, '{}'), ',') filter (where e.size <= _share) || ']')::varchar
    end as metadata,
    case
      when count(e.tags) > 0 then ('[' || string_agg(coalesce(to_json(e.tags)::text, '[]'), ',') || ']')::varchar
    end as tags,
        '[' || string_agg(e.stream_key::text, ',') || ']',
        min(e.position),
        max(e.position)
      into event_count, positions, versions, recorded_ats, event_ids, types, _fitting, data, metadata, tags,
        stream_keys, _first, _last
      from (
        select e.*, pg_column_size(e.data) + coalesce(pg_column_size(e.metadata), 0) as size
        from unnest(_found[_done + 1 : _done + _row_size]) f (position)
        cross join lateral (select * from :schema.events e where e.position = f.position limit 1) e
      ) e;
    elsif forward then
      select
        count(*)::int as event_count,
    ('[' || string_agg(e.position::text, ',') || ']')::varchar as positions,
    ('[' || string_agg(e.version::text, ',') || ']')::varchar as versions,
    ('[' || string_agg((date_part('epoch', e.recorded_at) * 1000)::bigint::text, ',') || ']')::varchar as recorded_ats,
    ('["' || string_agg(e.event_id::text, '","') || '"]')::varchar as event_ids,
    to_json(array_agg(e.type))::text::varchar as types,
    greatest(1, 209715 / max(e.size)) as fitting,
    case when max(e.size) <= _share then
      ('[' || string_agg(e.data::text, ',') filter (where e.size <= _share) || ']')::varchar
    end as data,
    case when max(e.size) <= _share and count(e.metadata) > 0 then
      ('[' || string_agg(coalesce(e.metadata::text, '{}'), ',') filter (where e.size <= _share) || ']')::varchar
    end as metadata,
    case
      when count(e.tags) > 0 then ('[' || string_agg(coalesce(to_json(e.tags)::text, '[]'), ',') || ']')::varchar
    end as tags,
        '[' || string_agg(e.stream_key::text, ',') || ']',
        min(e.position),
        max(e.position)
      into event_count, positions, versions, recorded_ats, event_ids, types, _fitting, data, metadata, tags,
        stream_keys, _first, _last
      from (
        select e.*, pg_column_size(e.data) + coalesce(pg_column_size(e.metadata), 0) as size
        from :schema.events e
        where e.position > after and e.position <= until and (only_types is null or e.type = any (only_types))
          and (only_tags is null or e.tags @> only_tags)
        order by e.position
        limit _row_size
      ) e;
    else
      select
        count(*)::int as event_count,
    ('[' || string_agg(e.position::text, ',') || ']')::varchar as positions,
    ('[' || string_agg(e.version::text, ',') || ']')::varchar as versions,
    ('[' || string_agg((date_part('epoch', e.recorded_at) * 1000)::bigint::text, ',') || ']')::varchar as recorded_ats,
    ('["' || string_agg(e.event_id::text, '","') || '"]')::varchar as event_ids,
    to_json(array_agg(e.type))::text::varchar as types,
    greatest(1, 209715 / max(e.size)) as fitting,
    case when max(e.size) <= _share then
      ('[' || string_agg(e.data::text, ',') filter (where e.size <= _share) || ']')::varchar
    end as data,
    case when max(e.size) <= _share and count(e.metadata) > 0 then
      ('[' || string_agg(coalesce(e.metadata::text, '{}'), ',') filter (where e.size <= _share) || ']')::varchar
    end as metadata,
    case
      when count(e.tags) > 0 then ('[' || string_agg(coalesce(to_json(e.tags)::text, '[]'), ',') || ']')::varchar
    end as tags,
        '[' || string_agg(e.stream_key::text, ',') || ']',
        min(e.position),
        max(e.position)
      into event_count, positions, versions, recorded_ats, event_ids, types, _fitting, data, metadata, tags,
        stream_keys, _first, _last
      from (
        select e.*, pg_column_size(e.data) + coalesce(pg_column_size(e.metadata), 0) as size
        from :schema.events e
        where e.position > after and e.position <= until and (only_types is null or e.type = any (only_types))
          and (only_tags is null or e.tags @> only_tags)
        order by e.position desc
        limit _row_size
      ) e;
    end if;
    exit when event_count = 0;
    if data is null then
      _events_per_row := _fitting;
      continue;
    end if;
    if forward then
      after := _last;
    else
      until := _first - 1;
    end if;
    _ends := event_count < _row_size or event_count = _left or after >= until
      or coalesce(_done + event_count = cardinality(_found), false);
    if coalesce(named, _ends and _done = 0) then
      -- As stream_names does, whose call would take as long. Turns the JSON list into an array literal.
      select json_build_array(array_agg(s.stream_key), array_agg(s.stream_id)) into names
      from :schema.streams s
      where s.stream_key = any (translate(stream_keys, '[]', '{}')::bigint[]);
    end if;
    return next;
    _done := _done + event_count;
    _left := _left - event_count;
    _size := _size + octet_length(data) + coalesce(octet_length(metadata), 0);
    _events_per_row := least(row_size, 2 * _events_per_row, _fitting);
    exit when _size >= 16777216;
  end loop;

  if _left = 0 or _size >= 16777216 then
    -- The page ended because of the number or the size of its events, perhaps with the last event of the log.
    is_full := true;
    through := case when forward then _last else _first end;
  elsif _reached is not null then
    is_full := true;
    through := _reached;
  else
    is_full := _is_cut;
    if forward then
      select coalesce(max(e.position), 0) into through from :schema.events e where e.position <= until;
    else
      select coalesce(min(e.position), 0) into through from :schema.events e where e.position > after;
    end if;
  end if;
  return query
  select _frontier, through, is_full, 0, null, null, null, null, null, null, null, null, null, null;
end
\$\$;

-- Admits an append: checks the inline projections, and takes the writer marker of this transaction.
--
-- inline_names, inline_versions: the projections whose documents the caller writes in this transaction. They must be the
-- inline projections of the database:
-- - If one of them is not inline in that version, the append fails with ES008. The caller then looks its projections up
--   again.
-- - If an inline projection is not among them, the append fails with ES007. Its detail lists the missing names.
-- Every append of a transaction is checked, because its appends may come from stores with different projections. See
-- lock_appends.
--
-- The marker promises that the transaction takes only positions above the last one that the sequence assigned before this
-- call. See frontier.
--
-- Must be called after the stream locks, because a wait for these must not hold readers back, and before the first
-- nextval.
--
-- Refuses a sequence that is behind the log with ES006: it would assign positions that readers have passed. Another
-- server may have taken over behind the same address since the store's first use.
--
-- A transaction takes only one marker: one for each of its appends could fill the lock table. A transaction-local
-- setting records that the marker is taken. A rollback to a savepoint undoes the setting together with the lock. The name
-- of the setting contains the OID of the sequence, and not the name of the schema: Postgres ignores case there.
create or replace function :schema.mark_writer(inline_names text[], inline_versions int[]) returns void
language plpgsql
-- The plan is made once per session, perhaps while the table is nearly empty. It must be a lookup by key.
set enable_seqscan = off
set enable_bitmapscan = off
as \$\$
declare
  _head bigint;
  _is_behind boolean;
  _transaction text := pg_current_xact_id()::text;
  _sequence oid := ':schema.event_positions'::regclass;
  _setting text := 'eventsourced.marked_' || _sequence;
  _is_marked boolean := current_setting(_setting, true) is not distinct from _transaction;
  _named bigint;
  _missing text[];
begin
  -- The lock comes before the marker: an append that waits here must not hold readers back.
  if not _is_marked then
    perform pg_advisory_xact_lock_shared(':schema.documents'::regclass::int, 0);
  end if;
  -- This statement comes after the lock and has its own snapshot, so it sees a change that has just committed.
  perform from :schema.projections p where p.mode = 'inline' and p.version > 0;
  if found or cardinality(inline_names) > 0 then
    select count(*) filter (where i.is_named), array_agg(i.name order by i.name) filter (where not i.is_named)
    into _named, _missing
    from (
      select p.name, (p.name, p.version) in (select * from unnest(inline_names, inline_versions)) as is_named
      from :schema.projections p
      where p.mode = 'inline' and p.version > 0
    ) i;
    if _named < cardinality(inline_names) then
      raise exception 'a projection of this append is not inline in this version' using errcode = 'ES008';
    elsif _missing is not null then
      raise exception 'the append lacks inline projections' using errcode = 'ES007', detail = to_json(_missing)::text;
    end if;
  end if;

  if not _is_marked then
    -- The snapshot of the log is older than the value of the sequence, so that running appends do not matter.
    select h.position, exists (select from :schema.events e where e.position > h.position)
    into _head, _is_behind
    from (select coalesce(pg_sequence_last_value(':schema.event_positions'::regclass), 0) as position offset 0) h;
    if _is_behind then
      raise exception 'the sequence is behind the log' using errcode = 'ES006', detail = json_build_object(
        'schema', ':schema',
        'head', _head,
        'lastPosition', (select max(e.position) from :schema.events e)
      )::text;
    end if;
    -- The keys are signed, and the bits are those of the OID and of the position. See writer_markers.
    perform pg_advisory_xact_lock_shared(_sequence::int, ((_head << 32) >> 32)::int);
    perform set_config(_setting, _transaction, true);
  end if;
end
\$\$;

-- Finds the first events that match a filter of log_page, at most \`most\`. Forward, an event must exist at after + 1;
-- backward, at until. positions: in the direction of the read; null if no search below applies, so that log_page must
-- read each event. reached: the position of the last event that the search has passed; null if no more can match.
--
-- - A prefix of at most 300 streams that have at most 5,000 events together: reads the positions of these events. This
--   search cannot notice that the row of a stream is missing.
-- - Types, if events has the index for them, see has_type_index: reads the entries of the index. With further
--   conditions, the search ends after 10,000 events of these types.
-- - Any other prefix, or a partition: the search ends after 20,000 positions, because looking up a stream takes several
--   times as long as reading an event. It looks up the streams of many events together.
create or replace function :schema.matching_positions(
  after bigint,
  until bigint,
  only_types text[],
  stream_prefix text,
  only_tags text[],
  part_index int,
  part_count int,
  forward boolean,
  most int,
  out positions bigint[],
  out reached bigint
)
language plpgsql stable
-- The plans are fixed, as in log_page.
set plan_cache_mode = force_generic_plan
set jit = off
set enable_seqscan = off
set enable_bitmapscan = off
set enable_sort = off
set enable_hashjoin = off
set enable_mergejoin = off
as \$\$
declare
  _by_stream constant bool := stream_prefix is not null or part_count is not null;
  _by_index bool := false;
  _matching_keys bigint[];
  _stream_count int;
  _event_count bigint;
  _left int := 20000;
  _size int := greatest(most, 100);
  _candidates bigint[];
  -- Per candidate: the key of its stream.
  _candidate_keys bigint[];
  -- The position at which this part of the search ends; null: it is the last part.
  _end bigint;
begin
  -- For fewer positions, these two searches cost more than they save.
  if until - after > 1000 then
    if stream_prefix is not null then
      select
        array_agg(s.stream_key)
          filter (where part_count is null or :schema.part_of_stream(s.stream_id, part_count) = part_index),
        count(*),
        coalesce(sum(s.version), 0)
      into _matching_keys, _stream_count, _event_count
      from :schema.list_streams(stream_prefix, '', 301) s;
      if _stream_count <= 300 and _event_count <= 5000 then
        positions := array(
          select e.position
          from unnest(_matching_keys) k (stream_key)
          -- Without "offset 0", the planner could choose a scan of all positions.
          cross join lateral (
            select * from :schema.events e where e.stream_key = k.stream_key order by e.version offset 0
          ) e
          where e.position > after and e.position <= until
            and (only_types is null or e.type = any (only_types))
            and (only_tags is null or e.tags @> only_tags)
          order by case when forward then e.position else -e.position end
          limit most
        );
        reached := positions[most];
        return;
      end if;
    end if;
    if only_types is not null and :schema.has_type_index() then
      -- If at least every tenth event has one of the types, it is faster to read all events.
      _candidates := :schema.positions_of_types(only_types, after, until, forward, 100);
      _by_index := cardinality(_candidates) < 100 or abs(_candidates[100] - _candidates[1]) > 1000;
    end if;
    if _by_index and not _by_stream and only_tags is null then
      positions := :schema.positions_of_types(only_types, after, until, forward, most);
      reached := positions[most];
      return;
    end if;
  end if;
  if not _by_index and not _by_stream then
    return;
  end if;

  positions := '{}';
  if _by_index then
    _left := 10000;
  end if;
  loop
    if _by_index then
      _candidates := :schema.positions_of_types(only_types, after, until, forward, _size);
      _end := _candidates[_size];
      select array_agg(e.position), array_agg(e.stream_key) into _candidates, _candidate_keys
      from unnest(_candidates) c (position)
      cross join lateral (select * from :schema.events e where e.position = c.position limit 1) e
      where only_tags is null or e.tags @> only_tags;
    else
      _end := case
        when forward and after + _size < until then after + _size
        when not forward and until - _size > after then until - _size + 1
      end;
      select array_agg(e.position), array_agg(e.stream_key) into _candidates, _candidate_keys
      from :schema.events e
      where e.position > case when forward then after else coalesce(_end - 1, after) end
        and e.position <= case when forward then coalesce(_end, until) else until end
        and (only_types is null or e.type = any (only_types))
        and (only_tags is null or e.tags @> only_tags);
    end if;

    if _by_stream then
      _matching_keys := :schema.matching_streams(_candidate_keys, stream_prefix, part_index, part_count);
    end if;
    positions := positions || array(
      select c.position
      from unnest(_candidates, _candidate_keys) c (position, stream_key)
      -- The "or" prevents a join, so Postgres searches a hash table of the keys.
      where not _by_stream or c.stream_key in (select unnest(_matching_keys))
      order by case when forward then c.position else -c.position end
      limit most - cardinality(positions)
    );

    if cardinality(positions) = most then
      reached := positions[most];
      return;
    end if;
    exit when _end is null;
    _left := _left - _size;
    if _left <= 0 then
      if forward then
        select max(e.position) into reached from :schema.events e where e.position <= _end;
      else
        select min(e.position) into reached from :schema.events e where e.position >= _end;
      end if;
      return;
    end if;
    if forward then
      after := _end;
    else
      until := _end - 1;
    end if;
    _size := least(4 * _size, _left);
  end loop;
end
\$\$;

-- Returns which of the keys belong to streams that match the stream conditions of log_page. A key without a stream
-- matches, so that the reader of its events gets an error and does not skip them silently.
create or replace function :schema.matching_streams(
  stream_keys bigint[],
  stream_prefix text,
  part_index int,
  part_count int
)
returns bigint[]
language plpgsql stable
-- The plans are fixed, as in log_page.
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_bitmapscan = off
set enable_sort = off
as \$\$
declare
  _distinct constant bigint[] := array(select distinct k.stream_key from unnest(stream_keys) k (stream_key));
  _found int;
  _matching bigint[];
begin
  select
    array_agg(s.stream_key) filter (
      where (stream_prefix is null or starts_with(s.stream_id, stream_prefix))
        and (part_count is null or :schema.part_of_stream(s.stream_id, part_count) = part_index)
    ),
    count(*)
  into _matching, _found
  from :schema.streams s
  where s.stream_key = any (_distinct);
  if _found < cardinality(_distinct) then
    _matching := _matching || array(
      select k.stream_key
      from unnest(_distinct) k (stream_key)
      where not exists (select from :schema.streams s where s.stream_key = k.stream_key offset 0)
    );
  end if;
  return _matching;
end
\$\$;

-- Registers a subscription with this definition, or gives it this definition. Sets all its checkpoints to a position, ends
-- all leases, and deletes the parked events up to the position (inclusive). Waits for the transactions that hold
-- checkpoints.
create or replace function :schema.move_checkpoints(of_subscription text, to_definition json, to_position bigint)
returns void
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_bitmapscan = off
set enable_hashjoin = off
set enable_mergejoin = off
set jit = off
as \$\$
declare
  _place text;
begin
  perform :schema.create_subscription(of_subscription, to_definition, to_position, null);
  select s.place into _place from :schema.subscriptions s where s.name = of_subscription for update;
  if _place is null then
    -- A successor has taken over its place, so the subscription gets a new one.
    _place := gen_random_uuid()::text;
    update :schema.subscriptions s
    set place = _place, successor = null, partitions = (to_definition ->> 'partitions')::int
    where s.name = of_subscription;
    perform :schema.set_partitions(_place, (to_definition ->> 'partitions')::int, to_position, 0);
  end if;
  perform :schema.divide_partitions(_place, null, to_position);
  delete from :schema.parked_events p where p.place = _place and p.position <= to_position;
  update :schema.subscriptions s
  set definition = to_definition,
    kind = to_definition ->> 'kind',
    version = (to_definition ->> 'version')::int,
    parked_requests = s.parked_requests + 1,
    revision = s.revision + 1
  where s.name = of_subscription;
end
\$\$;

-- Parks events and moves the checkpoint forward. Returns false if the lease is lost.
create or replace function :schema.park_events(
  of_place text,
  of_partition int,
  of_token bigint,
  to_position bigint,
  positions bigint[],
  stream_ids text[],
  event_ids uuid[],
  types text[],
  states text[],
  failures int[],
  errors text[],
  stacks text[]
) returns boolean
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as \$\$
begin
  if not :schema.advance_checkpoint(of_place, of_partition, of_token, to_position) then
    return false;
  end if;
  insert into :schema.parked_events as p
    (place, partition, position, stream_id, event_id, type, state, failures, error, stack, parked_at)
  select of_place, of_partition, e.*, clock_timestamp()
  from unnest(positions, stream_ids, event_ids, types, states, failures, errors, stacks)
    as e (position, stream_id, event_id, type, state, failures, error, stack)
  -- retry_parked and skip_parked lock in the same order, so there is no deadlock.
  order by e.position
  on conflict on constraint parked_events_pkey do update
  set state = excluded.state, failures = excluded.failures, error = excluded.error, stack = excluded.stack,
    parked_at = excluded.parked_at;
  return true;
end
\$\$;

-- Returns up to \`most\` parked events that the owner of a partition must handle now, in order of position: the retrying
-- events, and the first blocked event of each stream unless an earlier event of the stream is parked.
--
-- \`blocked\` moves from stream to stream in the index, so that it reads only the first blocked event of each stream.
create or replace function :schema.parked_to_handle(of_place text, of_partition int, most bigint)
returns setof :schema.parked_events
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
-- The plan is made once per session, perhaps while the table is nearly empty. It must be lookups in the indexes, which
-- are right for any size.
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_bitmapscan = off
set enable_hashjoin = off
set enable_mergejoin = off
set jit = off
as \$\$
begin
  return query
  with recursive blocked as (
    (
      select p.stream_id, p.position from :schema.parked_events p
      where p.place = of_place and p.partition = of_partition and p.state = 'blocked'
      order by p.stream_id, p.position
      limit 1
    )
    union all
    select next.stream_id, next.position
    from blocked b
    cross join lateral (
      select p.stream_id, p.position from :schema.parked_events p
      where p.place = of_place and p.partition = of_partition and p.state = 'blocked'
        and p.stream_id > b.stream_id
      order by p.stream_id, p.position
      limit 1
    ) next
  ),
  due as (
    select b.position from blocked b
    where b.position = (
      select p.position from :schema.parked_events p
      where p.place = of_place and p.stream_id = b.stream_id
      order by p.position
      limit 1
    )
    union all
    (
      select p.position from :schema.parked_events p
      where p.place = of_place and p.partition = of_partition and p.state = 'retrying'
      order by p.position
      limit most
    )
  ),
  first as (select d.position from due d order by d.position limit most)
  select p.*
  from first f
  -- \`offset 0\` keeps the condition on the position inside. Without it, statistics of a small table can make it a filter
  -- of the join, behind a read of all parked events of the subscription.
  cross join lateral (
    select * from :schema.parked_events p
    where p.place = of_place and p.position = f.position
    offset 0
  ) p
  order by f.position;
end
\$\$;

-- Returns the 0-based partition of a stream: the first 32 bits of the MD5 of its id, modulo part_count. Must agree with
-- partitionOf in the library.
create or replace function :schema.part_of_stream(stream_id text, part_count int) returns int
language sql immutable as \$\$
  select ((('x' || left(md5(stream_id), 8))::bit(32)::bigint & 4294967295) % part_count)::int
\$\$;

-- Pauses or resumes a subscription. Returns false if none of that name is registered, or if a successor has its place.
create or replace function :schema.pause_subscription(of_subscription text, to_paused boolean, lock_timeout text)
returns boolean
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as \$\$
begin
  if lock_timeout is not null then
    perform set_config('lock_timeout', pause_subscription.lock_timeout, true);
  end if;
  update :schema.subscriptions s set is_paused = to_paused, revision = s.revision + 1
  where s.name = of_subscription and s.place is not null and s.is_paused <> to_paused;
  return exists (select from :schema.subscriptions s where s.name = of_subscription and s.place is not null);
end
\$\$;

-- Finds the first event, in the order of the log, that was recorded at or after a time. Returns the position before it,
-- or the end of the log.
--
-- after: null begins the search. A call scans about 50,000 positions at most. If that is not enough, is_found is false,
-- and the caller continues with the returned position as \`after\`.
--
-- Times rise with the positions, with two exceptions: the clocks of the servers differ by up to a minute, and imported
-- events keep their times, which may be up to a minute in the future. So no event that was written more than two minutes
-- before the time can be the answer. A binary search finds the first event that was written later than that. From there
-- on, the function scans each event, but skips an import whose latest event is too old.
create or replace function :schema.position_before(
  recorded_at timestamptz,
  after bigint,
  out "position" bigint,
  out is_found boolean
)
language plpgsql stable
security definer
set search_path = pg_catalog, pg_temp
-- The plans are made once per session, perhaps while the tables are nearly empty. They must be the ordered index scans,
-- which are right for any size.
set plan_cache_mode = force_generic_plan
set jit = off
set enable_seqscan = off
set enable_bitmapscan = off
set enable_sort = off
as \$\$
#variable_conflict use_column
declare
  _time constant timestamptz := recorded_at;
  _written_at constant timestamptz := recorded_at - interval '2 minutes';
  _after bigint := after;
  _high bigint;
  _middle bigint;
  _last bigint;
  _latest timestamptz;
  _next bigint;
  _until bigint;
  _import record;
  _left bigint := 50000;
begin
  if after is null then
    _after := 0;
    select coalesce(max(e.position), 0) into _high from :schema.events e;
    while _after < _high loop
      _middle := (_after + _high) / 2;
      -- The latest time of up to 20 events, because an event whose append waited long for its stream has an earlier time
      -- than its neighbours.
      select max(coalesce(i.imported_at, e.recorded_at)), max(e.position) into _latest, _last
      from (
        select e.position, e.recorded_at from :schema.events e
        where e.position > _middle and e.position <= _high
        order by e.position
        limit 20
      ) e
      left join lateral (
        select * from :schema.imports i where i.last_position >= e.position order by i.last_position limit 1
      ) i on i.first_position <= e.position;
      if _latest < _written_at then
        _after := _last;
      else
        _high := _middle;
      end if;
    end loop;
  end if;

  while _left > 0 loop
    select e.position into _next from :schema.events e where e.position > _after order by e.position limit 1;
    if _next is null then
      select coalesce(max(e.position), 0) into "position" from :schema.events e;
      is_found := true;
      return;
    end if;
    select * into _import from :schema.imports i where i.last_position >= _next order by i.last_position limit 1;
    if _import.first_position <= _next then
      _until := _import.last_position;
      _left := _left - 10;
    else
      _until := least(_next + _left, _import.first_position) - 1;
      _left := _left - (_until - _next + 1);
    end if;
    if _import.first_position > _next or _import.latest >= _time or _import.latest is null then
      select e.position - 1 into "position"
      from :schema.events e
      where e.position between _next and _until and e.recorded_at >= _time
      order by e.position
      limit 1;
      is_found := "position" is not null;
      if is_found then
        return;
      end if;
    end if;
    _after := _until;
  end loop;
  "position" := _after;
  is_found := false;
end
\$\$;

-- Returns the positions of the first events of some types, in the direction of the read, from the index by type and
-- position. The index must exist: see has_type_index. after: exclusive. until: inclusive. most: maximum number of
-- positions.
--
-- Each type is a range of the index. Reading the first \`most\` entries of every range is slow if there are many types.
-- So the loop first reads a few entries of each range, and more while there are fewer than \`most\` in total. No event
-- beyond the \`most\`-th of them can belong to the result, so the last pass reads each range up to there.
create or replace function :schema.positions_of_types(
  types text[],
  after bigint,
  until bigint,
  forward boolean,
  most int
)
returns bigint[]
language plpgsql stable
-- The plan is fixed, as in log_page.
set plan_cache_mode = force_generic_plan
set jit = off
set enable_seqscan = off
set enable_bitmapscan = off
set enable_sort = off
as \$\$
declare
  _types constant text[] := array(select distinct t.type from unnest(types) t (type));
  _each int := most / greatest(cardinality(_types), 1) + 1;
  _positions bigint[];
  -- How many types may have more entries than the pass has read.
  _full int;
begin
  loop
    -- Compares and sorts rows by (type, position). Only this index supports that, so the planner has no other choice,
    -- even with wrong statistics about a type.
    select
      coalesce(array_agg(f.position order by case when forward then f.position else -f.position end), '{}'),
      count(*) filter (where f.place = _each)
    into _positions, _full
    from unnest(_types) t (type)
    cross join lateral (
      (
        select e.position, row_number() over (order by e.type, e.position) as place
        from :schema.events e
        where forward and (e.type, e.position) > (t.type, after) and (e.type, e.position) <= (t.type, until)
        order by e.type, e.position
        limit _each
      )
      union all
      (
        select e.position, row_number() over (order by e.type desc, e.position desc) as place
        from :schema.events e
        where not forward and (e.type, e.position) > (t.type, after) and (e.type, e.position) <= (t.type, until)
        order by e.type desc, e.position desc
        limit _each
      )
    ) f;
    exit when _full = 0 or _each > most;
    if cardinality(_positions) < most then
      _each := most / _full + 1;
    else
      if forward then
        until := _positions[most];
      else
        after := _positions[most] - 1;
      end if;
      _each := most + 1;
    end if;
  end loop;
  return _positions[:most];
end
\$\$;

-- Returns the second key of a projection's advisory lock. Transactions that write its documents hold the lock shared;
-- the transaction that switches to another generation holds it exclusively.
-- The first key is the OID of the table of projections. No writer marker has it: theirs is the OID of the sequence.
create or replace function :schema.projection_lock(name text) returns int
language sql immutable as \$\$
  select hashtext('eventsourced.:schema_name projection ' || name)
\$\$;

-- Refuses every change of recorded events. Only a role that may drop or disable the trigger can lift this protection.
create or replace function :schema.protect_events() returns trigger
language plpgsql as \$\$
begin
  raise exception 'events are never changed (% on %)', tg_op, tg_table_name using errcode = 'ES004';
end
\$\$;

-- Creates the trigger only if it is missing, changed or disabled: its table lock waits for all open appends.
-- tgtype 58: before update, delete or truncate, for each statement.
do \$\$ begin
  if not exists (
    select from pg_trigger t
    where t.tgrelid = ':schema.events'::regclass and t.tgname = 'protect_events'
      and t.tgfoid = ':schema.protect_events'::regproc and t.tgtype = 58
      and t.tgattr = ''::int2vector and t.tgqual is null and t.tgenabled in ('O', 'A')
  ) then
    create or replace trigger protect_events
    before update or delete or truncate on :schema.events
    for each statement execute function :schema.protect_events();
  end if;
end \$\$;

-- Reads the first events of many streams in one call, or the last ones if backward: for each read the range that
-- stream_part computes, at most 100 events. Returns one row per read, with its 1-based place in the list.
create or replace function :schema.read_streams(
  stream_ids text[],
  first_versions bigint[],
  last_versions bigint[],
  as_ofs timestamptz[],
  mosts bigint[],
  backwards boolean[]
)
returns table (
  place int,
  stream_version bigint,
  lower_version bigint,
  upper_version bigint,
  event_count int,
  positions varchar,
  versions varchar,
  recorded_ats varchar,
  event_ids varchar,
  types varchar,
  fitting int,
  data varchar,
  metadata varchar,
  tags varchar
)
language plpgsql stable
-- The plan is made once per session, perhaps while the tables are nearly empty. It must be lookups by key, which are
-- right for any size and any number of streams.
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_bitmapscan = off
set enable_hashjoin = off
set enable_mergejoin = off
set enable_sort = off
set jit = off
as \$\$
begin
  return query
  select asked.place::int, part.stream_version, part.lower_version, part.upper_version, columns.*
  from unnest(stream_ids, first_versions, last_versions, as_ofs, mosts, backwards)
    with ordinality as asked (stream_id, first_version, last_version, as_of, most, backward, place)
  left join lateral (
    select
      reach.stream_key,
      reach.stream_version,
      case
        when asked.backward then greatest(asked.first_version, reach.version - asked.most + 1)
        else asked.first_version
      end as lower_version,
      case
        when asked.backward then reach.version
        else least(reach.version, asked.first_version + asked.most - 1)
      end as upper_version
    from (
      select
        s.stream_key,
        s.version as stream_version,
        case
          when asked.as_of is null then least(asked.last_version, s.version)
          else :schema.version_as_of(s.stream_key, asked.as_of, least(asked.last_version, s.version))
        end as version
      from :schema.streams s
      where s.stream_id = asked.stream_id
      offset 0
    ) reach
    offset 0
  ) part on true
  cross join lateral (
    select case
      when part.upper_version > part.lower_version
      then 209715 / least(100, part.upper_version - part.lower_version + 1)
      else 2147483647
    end as _share
  ) row
  cross join lateral (
    select count(*)::int as event_count,
    ('[' || string_agg(e.position::text, ',') || ']')::varchar as positions,
    ('[' || string_agg(e.version::text, ',') || ']')::varchar as versions,
    ('[' || string_agg((date_part('epoch', e.recorded_at) * 1000)::bigint::text, ',') || ']')::varchar as recorded_ats,
    ('["' || string_agg(e.event_id::text, '","') || '"]')::varchar as event_ids,
    to_json(array_agg(e.type))::text::varchar as types,
    greatest(1, 209715 / max(e.size)) as fitting,
    case when max(e.size) <= _share then
      ('[' || string_agg(e.data::text, ',') filter (where e.size <= _share) || ']')::varchar
    end as data,
    case when max(e.size) <= _share and count(e.metadata) > 0 then
      ('[' || string_agg(coalesce(e.metadata::text, '{}'), ',') filter (where e.size <= _share) || ']')::varchar
    end as metadata,
    case
      when count(e.tags) > 0 then ('[' || string_agg(coalesce(to_json(e.tags)::text, '[]'), ',') || ']')::varchar
    end as tags
    from (
      select *, pg_column_size(e.data) + coalesce(pg_column_size(e.metadata), 0) as size from :schema.events e
      where e.stream_key = part.stream_key
        and e.version between part.lower_version and part.upper_version
      order by e.version
      limit 100
    ) e
  ) columns;
end
\$\$;

-- Returns the owners of the event ids that are recorded, in any stream. Each event id of the list has an owner, a
-- number that the caller chooses.
-- Without the settings, a plan made while the table is small would be a sequential scan, and would stay one.
create or replace function :schema.recorded_owners(owners int[], event_ids uuid[]) returns int[]
language sql stable
set enable_seqscan = off
set enable_hashjoin = off
set enable_mergejoin = off
as \$\$
  select coalesce(array_agg(distinct o.owner), '{}')
  from unnest(recorded_owners.owners, recorded_owners.event_ids) as o (owner, event_id)
  join :schema.events e on e.event_id = o.event_id
\$\$;

-- Registers the projections of the list that are not registered yet. Returns the registered ones, with their 1-based
-- place in the list. An inline projection is registered only if the log is empty and no append is running, because its
-- documents would lack earlier events.
--
-- Only the check under the lock counts: no append runs then, and later appends see the registration. See lock_appends. The
-- check before the lock avoids a lock request that all appends would wait behind for nothing. It must not look for running
-- appends: one of them may have registered the projection in its own transaction, so this call waits for its end.
create or replace function :schema.register_projections(names text[], versions int[], modes text[])
returns table (place int, version int, generation int, mode text)
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
set lock_timeout = '1s'
as \$\$
declare
  _is_log_empty boolean := false;
begin
  if exists (
    select from unnest(names, modes) as n (name, mode)
    where n.mode = 'inline' and not exists (select from :schema.projections p where p.name = n.name)
  )
    and not exists (select from :schema.events)
  then
    perform pg_advisory_xact_lock(':schema.documents'::regclass::int, 0);
    _is_log_empty := not exists (select from :schema.events);
  end if;
  insert into :schema.projections as p (name, version, generation, mode, last_generation)
  select n.name, n.version, 1, n.mode, 1
  from unnest(names, versions, modes) as n (name, version, mode)
  where n.mode = 'async' or _is_log_empty
  order by n.name collate "C"
  on conflict do nothing;
  return query
  select n.place::int, p.version, p.generation, p.mode
  from unnest(names) with ordinality as n (name, place)
  join :schema.projections p on p.name = n.name;
end
\$\$;

-- Releases a lease, unless its token is no longer valid.
create or replace function :schema.release_lease(of_place text, of_partition int, of_token bigint) returns void
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as \$\$
begin
  update :schema.checkpoints c set owner = null
  where c.place = of_place and c.partition = of_partition and c.token = of_token;
end
\$\$;

-- Releases leases, except leases whose tokens are no longer valid. Returns the 1-based numbers of the leases that it has
-- not released because another transaction holds their checkpoints. It does not wait for them: the other checkpoints
-- would stay locked meanwhile.
create or replace function :schema.release_leases(places text[], partitions int[], tokens bigint[]) returns setof int
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_bitmapscan = off
set enable_hashjoin = off
set enable_mergejoin = off
set jit = off
as \$\$
begin
  return query
  with released as (
    update :schema.checkpoints c set owner = null
    from unnest(places, partitions, tokens) with ordinality as l (place, partition, token, number)
    cross join lateral (
      select c.place, c.partition from :schema.checkpoints c
      where c.place = l.place and c.partition = l.partition and c.token = l.token and c.owner is not null
      for update skip locked
    ) held
    where c.place = held.place and c.partition = held.partition
    returning l.number
  )
  select l.number::int
  from unnest(places, partitions, tokens) with ordinality as l (place, partition, token, number)
  join :schema.checkpoints c
    on c.place = l.place and c.partition = l.partition and c.token = l.token and c.owner is not null
  where not exists (select from released r where r.number = l.number);
end
\$\$;

-- Removes a subscription with its checkpoints, workers and parked events. Returns false, and removes nothing, unless it
-- has this place (null: a successor has it) and this revision.
-- is_retry: an earlier attempt of this call may have committed. Then, if the subscription does not exist any more, that
-- attempt counts as the one that removed it.
-- lock_timeout: see append_to_stream.
create or replace function :schema.remove_subscription(
  of_subscription text,
  at_place text,
  at_revision bigint,
  is_retry boolean,
  lock_timeout text
) returns boolean
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_bitmapscan = off
set enable_hashjoin = off
set enable_mergejoin = off
set jit = off
as \$\$
declare
  _place text;
  _revision bigint;
begin
  if lock_timeout is not null then
    perform set_config('lock_timeout', remove_subscription.lock_timeout, true);
  end if;
  select s.place, s.revision into _place, _revision
  from :schema.subscriptions s where s.name = of_subscription for update;
  if not found then
    return is_retry;
  end if;
  if _place is distinct from at_place or _revision <> at_revision then
    -- Another subscription with the same name has been registered since.
    return is_retry and _place is distinct from at_place and at_place is not null and not exists (
      select from :schema.subscriptions s where s.place = at_place
    );
  end if;
  perform from :schema.checkpoints c where c.place = at_place order by c.partition for update;
  delete from :schema.checkpoints c where c.place = at_place;
  delete from :schema.parked_events p where p.place = at_place;
  delete from :schema.subscriptions s where s.name = of_subscription;
  -- Deletes the workers last, because their heartbeats wait for these rows until the commit.
  delete from :schema.workers w
  using (
    select w.worker from :schema.workers w where w.place = at_place order by w.worker for update
  ) own
  where w.place = at_place and w.worker = own.worker;
  return true;
end
\$\$;

-- Marks parked events for a retry. Returns the given positions at which an event is parked, blocked or retrying.
-- lock_timeout: see append_to_stream.
create or replace function :schema.retry_parked(of_subscription text, positions bigint[], lock_timeout text)
returns bigint[]
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_bitmapscan = off
set enable_hashjoin = off
set enable_mergejoin = off
set jit = off
as \$\$
declare
  _place text;
begin
  if lock_timeout is not null then
    perform set_config('lock_timeout', retry_parked.lock_timeout, true);
  end if;
  -- This lock excludes other calls on parked events, and changes of the subscription, until the commit.
  select s.place into _place from :schema.subscriptions s where s.name = of_subscription for update;
  update :schema.parked_events p set state = 'retrying'
  from (
    select p.position from (select distinct a.position from unnest(positions) as a (position) order by 1) a
    cross join lateral (
      select p.position from :schema.parked_events p
      where p.place = _place and p.position = a.position and p.state = 'parked'
      for update
    ) p
  ) parked
  where p.place = _place and p.position = parked.position and p.state = 'parked';
  if found then
    update :schema.subscriptions s set parked_requests = s.parked_requests + 1 where s.name = of_subscription;
  end if;
  return (
    select array_agg(p.position)
    from (select distinct a.position from unnest(positions) as a (position)) a
    join :schema.parked_events p on p.place = _place and p.position = a.position
  );
end
\$\$;

-- Takes a lock like a writer marker, and returns whether this session sees it as readers would. On a server without
-- advisory locks, or one that does not show them, readers would pass the events of running appends. The lock ends with
-- the transaction of the call.
--
-- Its first key is the OID of the table of events, and not of the sequence: it must not look like a running append,
-- which keeps inline projections from being registered.
create or replace function :schema.sees_own_marker() returns boolean
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as \$\$
declare
  _events oid := ':schema.events'::regclass;
begin
  perform pg_advisory_xact_lock_shared(_events::int, pg_backend_pid());
  return exists (
    select from pg_locks l
    where l.locktype = 'advisory'
      and l.mode = 'ShareLock'
      and l.granted
      and l.objsubid = 2
      and l.database = (select d.oid from pg_database d where d.datname = current_database())
      and l.classid = _events
      and l.objid::bigint = pg_backend_pid()
      and l.pid = pg_backend_pid()
  );
end
\$\$;

-- Gives a place this number of partitions, all with one checkpoint and one token, and without leases.
create or replace function :schema.set_partitions(
  of_place text,
  to_partitions int,
  to_position bigint,
  to_token bigint
) returns void
language plpgsql as \$\$
begin
  delete from :schema.checkpoints c where c.place = of_place and c.partition >= to_partitions;
  insert into :schema.checkpoints as c (place, partition, position, token)
  select of_place, p.partition, to_position, to_token
  from generate_series(0, to_partitions - 1) as p (partition)
  on conflict on constraint checkpoints_pkey do update
  set position = excluded.position, token = excluded.token, owner = null;
end
\$\$;

-- Completes a build: from now on, readers use its generation.
create or replace function :schema.set_projection(
  of_projection text,
  to_version int,
  to_generation int,
  in_mode text
) returns void
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as \$\$
begin
  insert into :schema.projections as p (name, version, generation, mode, last_generation)
  values (of_projection, to_version, to_generation, in_mode, to_generation)
  on conflict (name) do update
  set version = excluded.version, generation = excluded.generation, mode = excluded.mode,
    building_version = null, building_generation = null;
end
\$\$;

-- Deletes the records of parked events, so that no worker handles them. Returns the given positions that had a record.
-- lock_timeout: see append_to_stream.
create or replace function :schema.skip_parked(of_subscription text, positions bigint[], lock_timeout text)
returns bigint[]
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_bitmapscan = off
set enable_hashjoin = off
set enable_mergejoin = off
set jit = off
as \$\$
declare
  _place text;
  _skipped bigint[];
begin
  if lock_timeout is not null then
    perform set_config('lock_timeout', skip_parked.lock_timeout, true);
  end if;
  -- This lock excludes other calls on parked events, and changes of the subscription, until the commit.
  select s.place into _place from :schema.subscriptions s where s.name = of_subscription for update;
  with skipped as (
    delete from :schema.parked_events p
    using (
      select p.position from (select distinct a.position from unnest(positions) as a (position) order by 1) a
      cross join lateral (
        select p.position from :schema.parked_events p
        where p.place = _place and p.position = a.position
        for update
      ) p
    ) parked
    where p.place = _place and p.position = parked.position
    returning p.position
  )
  select array_agg(s.position) into _skipped from skipped s;
  if _skipped is not null then
    update :schema.subscriptions s set parked_requests = s.parked_requests + 1 where s.name = of_subscription;
  end if;
  return _skipped;
end
\$\$;

-- Returns the ids of streams by their keys, as JSON: a list of keys and a list of ids, in the same order. A key without a
-- stream is in neither. JSON, because a driver may drop a byte order mark at the beginning of a text.
create or replace function :schema.stream_names(stream_keys bigint[]) returns text
language plpgsql stable
-- The plan is made once per session, perhaps while the table is nearly empty. It must be lookups by key.
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_bitmapscan = off
as \$\$
begin
  return (
    select json_build_array(array_agg(s.stream_key), array_agg(s.stream_id))
    from :schema.streams s
    where s.stream_key = any (stream_keys)
  );
end
\$\$;

-- Registers a successor, by_subscription, which gets the place of of_subscription, and ends all leases of that place.
-- Returns false, and changes nothing, unless of_subscription has this place and this revision, and the name of the
-- successor is not registered.
-- change_id, lock_timeout: see change_subscription.
create or replace function :schema.take_over_subscription(
  of_subscription text,
  at_place text,
  at_revision bigint,
  change_id uuid,
  by_subscription text,
  of_definition json,
  lock_timeout text
) returns boolean
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_bitmapscan = off
set enable_hashjoin = off
set enable_mergejoin = off
set jit = off
as \$\$
declare
  _current :schema.subscriptions;
begin
  if lock_timeout is not null then
    perform set_config('lock_timeout', take_over_subscription.lock_timeout, true);
  end if;
  select s.* into _current from :schema.subscriptions s where s.name = of_subscription for update;
  if _current.change_id = take_over_subscription.change_id then
    return true;
  end if;
  if (_current.place = at_place and _current.revision = at_revision) is not true then
    return false;
  end if;

  -- Waits for another transaction that registers or removes this name. The row gets the place further below, once the
  -- former subscription has lost it: a place is unique.
  insert into :schema.subscriptions
    (name, kind, version, definition, partitions, is_paused, skip, parked_requests)
  values (
    by_subscription,
    of_definition ->> 'kind',
    (of_definition ->> 'version')::int,
    of_definition,
    _current.partitions,
    _current.is_paused,
    _current.skip,
    _current.parked_requests
  )
  on conflict on constraint subscriptions_pkey do nothing;
  if not found then
    return false;
  end if;
  update :schema.subscriptions s
  set place = null, skip = null, successor = by_subscription, revision = s.revision + 1,
    change_id = take_over_subscription.change_id
  where s.name = of_subscription;
  update :schema.subscriptions s set place = at_place where s.name = by_subscription;

  perform :schema.divide_partitions(at_place, (of_definition ->> 'partitions')::int, null);
  perform :schema.forget_workers(at_place);
  return true;
end
\$\$;

-- Deletes a parked event that the holder of the lease has handled. Returns false if the lease is lost.
create or replace function :schema.unpark_event(
  of_place text,
  of_partition int,
  of_token bigint,
  at_position bigint
) returns boolean
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as \$\$
begin
  perform from :schema.checkpoints c
  where c.place = of_place and c.partition = of_partition and c.token = of_token and c.owner is not null
  for update;
  if not found then
    return false;
  end if;
  delete from :schema.parked_events p where p.place = of_place and p.position = at_position;
  return true;
end
\$\$;

-- Returns the last version of a stream, up to last_version (inclusive), that was recorded at or before a time; 0: none.
-- The stream must have last_version. Versions have no gaps and times never decrease, so that a binary search finds it
-- with one lookup for each bit of last_version.
create or replace function :schema.version_as_of(stream_key bigint, as_of timestamptz, last_version bigint)
returns bigint
language plpgsql stable
-- The plan is made once per session, perhaps while the table is nearly empty. It must be a lookup by key.
set enable_seqscan = off
set enable_bitmapscan = off
as \$\$
declare
  _low bigint := 0;
  _high bigint := last_version;
  _middle bigint;
  _recorded_at timestamptz;
begin
  while _low < _high loop
    _middle := (_low + _high + 1) / 2;
    select e.recorded_at into strict _recorded_at
    from :schema.events e
    where e.stream_key = version_as_of.stream_key and e.version = _middle;
    if _recorded_at <= as_of then
      _low := _middle;
    else
      _high := _middle - 1;
    end if;
  end loop;
  return _low;
end
\$\$;

-- Writes documents. The list has each document once. A null state deletes the document.
create or replace function :schema.write_documents(
  projections text[],
  generations int[],
  keys text[],
  states json[],
  positions bigint[]
) returns void
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_bitmapscan = off
set enable_hashjoin = off
set enable_mergejoin = off
set jit = off
as \$\$
begin
  insert into :schema.documents as d (projection, generation, key, state, revision, position)
  select
    unnest(projections) as projection,
    unnest(generations) as generation,
    unnest(keys) as key,
    unnest(states) as state,
    1,
    unnest(positions) as position
  on conflict (projection, generation, key) do update
  set state = excluded.state, revision = d.revision + 1, position = excluded.position;

  if array_position(states::text[], null) is not null then
    delete from :schema.documents d
    using unnest(projections, generations, keys, states) as w (projection, generation, key, state)
    where w.state is null and d.projection = w.projection and d.generation = w.generation and d.key = w.key;
  end if;
end
\$\$;

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
  case when exists (
    select from :schema.workers w
    where w.place = c.place and w.worker = c.owner and w.alive_until > clock_timestamp()
  ) then c.owner end as owner,
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

-- All events with the names of their streams, for people and reports. The library reads the tables.
create or replace view :schema.recorded_events as
select e.position, s.stream_id, e.version, e.type, e.data, e.metadata, e.tags, e.event_id, e.recorded_at
from :schema.events e
join :schema.streams s using (stream_key);

-- The documents that readers see: the current generation of each projection, and the documents that handlers write.
create or replace view :schema.views as
select d.projection, d.key, d.state, d.revision, d.position
from :schema.documents d
left join :schema.projections p on p.name = d.projection
where d.generation = coalesce(p.generation, 0) and d.state is not null;

-- The markers of the transactions that are appending now. Each will take only positions above its marked_position.
--
-- A marker is a shared advisory lock with two keys: the OID of the sequence, which no other schema has, and the low 32
-- bits of the position. pg_locks shows them as classid and objid. Its upper bits are those of the head, because a marker
-- is less than 2^32 positions old. It may be a little above the head that this view has read: at most 2^24 positions.
create or replace view :schema.writer_markers as
select l.pid, h.ceiling - ((h.ceiling - l.objid::bigint) & 4294967295) as marked_position
from pg_locks l
cross join (select coalesce(pg_sequence_last_value(':schema.event_positions'::regclass), 0) + 16777216 as ceiling offset 0) h
where l.locktype = 'advisory'
  and l.mode = 'ShareLock'
  and l.granted
  and l.objsubid = 2
  and l.database = (select d.oid from pg_database d where d.datname = current_database())
  and l.classid = ':schema.event_positions'::regclass;

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
    when has_sequence_privilege(':schema.event_positions'::regclass, 'SELECT') then coalesce(pg_sequence_last_value(':schema.event_positions'::regclass), 0)
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

-- By default every role may call a function. This must come last, when all functions exist.
-- The schema may hold functions of the user's, so this names the store's own.
revoke execute on function
  :schema.advance_checkpoint(text, int, bigint, bigint),
  :schema.advance_checkpoints(text[], int[], bigint[], text[], bigint[]),
  :schema.append_to_each(text[], int[], bigint[], int[], int[], int[], uuid[], text[], json[], json[], text[], boolean, text[], int[], text),
  :schema.append_to_stream(text, bigint, uuid[], text[], json[], json[], text[], boolean, text),
  :schema.append_to_streams(text[], bigint[], int[], int[], int[], uuid[], text[], json[], json[], text[], boolean, text[], int[], text),
  :schema.begin_build(text, int, text),
  :schema.change_subscription(text, text, bigint, uuid, json, int, bigint, boolean, text),
  :schema.create_stream(text, json, uuid, text),
  :schema.create_subscription(text, json, bigint, text),
  :schema.divide_partitions(text, int, bigint),
  :schema.drop_documents(text, int),
  :schema.enter_projections(text[], int[]),
  :schema.forget_workers(text),
  :schema.frontier(),
  :schema.frontier_after(bigint),
  :schema.has_type_index(),
  :schema.import_events(text[], int[], timestamptz[], timestamptz[], int[], int[], uuid[], text[], text[], text[], text[], timestamptz[], boolean, boolean, text[], int[], text),
  :schema.is_expected(bigint, bigint),
  :schema.keep_leases(text[], text[], int[], text[], int[]),
  :schema.layers_above(json, bigint),
  :schema.leave_subscription(text, text),
  :schema.list_documents(text, text, text, int),
  :schema.list_streams(text, text, int),
  :schema.lock_appends(),
  :schema.lock_documents(text[], int[], text[], text),
  :schema.log_page(bigint, bigint, text[], text, text[], int, int, boolean, int, int, boolean),
  :schema.mark_writer(text[], int[]),
  :schema.matching_positions(bigint, bigint, text[], text, text[], int, int, boolean, int),
  :schema.matching_streams(bigint[], text, int, int),
  :schema.move_checkpoints(text, json, bigint),
  :schema.park_events(text, int, bigint, bigint, bigint[], text[], uuid[], text[], text[], int[], text[], text[]),
  :schema.parked_to_handle(text, int, bigint),
  :schema.part_of_stream(text, int),
  :schema.pause_subscription(text, boolean, text),
  :schema.position_before(timestamptz, bigint),
  :schema.positions_of_types(text[], bigint, bigint, boolean, int),
  :schema.projection_lock(text),
  :schema.protect_events(),
  :schema.read_streams(text[], bigint[], bigint[], timestamptz[], bigint[], boolean[]),
  :schema.recorded_owners(int[], uuid[]),
  :schema.register_projections(text[], int[], text[]),
  :schema.release_lease(text, int, bigint),
  :schema.release_leases(text[], int[], bigint[]),
  :schema.remove_subscription(text, text, bigint, boolean, text),
  :schema.retry_parked(text, bigint[], text),
  :schema.sees_own_marker(),
  :schema.set_partitions(text, int, bigint, bigint),
  :schema.set_projection(text, int, int, text),
  :schema.skip_parked(text, bigint[], text),
  :schema.stream_names(bigint[]),
  :schema.take_over_subscription(text, text, bigint, uuid, text, json, text),
  :schema.unpark_event(text, int, bigint, bigint),
  :schema.version_as_of(bigint, timestamptz, bigint),
  :schema.write_documents(text[], int[], text[], json[], bigint[])
from public;`,
}

export const advanceCheckpoint: string = `select (
  extract(epoch from pg_postmaster_start_time())::text = \$5::text and :schema.advance_checkpoint(\$1::text, \$2::text::int, \$3::text::bigint, \$4::text::bigint)
)::text as held`

export const advanceCheckpoints: string = `select a.move, a.outcome
from :schema.advance_checkpoints(
  \$1::text::text[],
  \$2::text::int[],
  \$3::text::bigint[],
  \$4::text::text[],
  \$5::text::bigint[]
) a`

export const appendToEach: string = `select
  array_to_json(a.outcomes)::text as outcomes,
  array_to_json(a.versions)::text as versions,
  (select json_agg((date_part('epoch', r) * 1000)::bigint) from unnest(a.recorded_ats) r)::text as recorded_ats,
  array_to_json(a.positions)::text as positions
from :schema.append_to_each(
  \$1::text::text[],
  \$2::text::int[],
  \$3::text::bigint[],
  \$4::text::int[],
  \$5::text::int[],
  \$6::text::int[],
  \$7::text::uuid[],
  \$8::text::text[],
  string_to_array(\$9::text, E'\\x1e')::json[],
  string_to_array(\$10::text, E'\\x1e', '')::json[],
  \$11::text::text[],
  \$12::text::boolean,
  \$13::text::text[],
  \$14::text::int[],
  \$15::text
) a`

export const appendToStream: string = `select
  a.outcome,
  a.version::text,
  ((date_part('epoch', a.recorded_at) * 1000)::bigint)::text as recorded_at,
  array_to_json(a.positions)::text as positions
from :schema.append_to_stream(
  \$1::text,
  \$2::text::bigint,
  \$3::text::uuid[],
  \$4::text::text[],
  string_to_array(\$5::text, E'\\x1e')::json[],
  string_to_array(\$6::text, E'\\x1e', '')::json[],
  \$7::text::text[],
  \$8::text::boolean,
  \$9::text
) a`

export const appendToStreams: string = `select
  array_to_json(a.outcomes)::text as outcomes,
  array_to_json(a.versions)::text as versions,
  (select json_agg((date_part('epoch', r) * 1000)::bigint) from unnest(a.recorded_ats) r)::text as recorded_ats,
  array_to_json(a.positions)::text as positions
from :schema.append_to_streams(
  \$1::text::text[],
  \$2::text::bigint[],
  \$3::text::int[],
  \$4::text::int[],
  \$5::text::int[],
  \$6::text::uuid[],
  \$7::text::text[],
  string_to_array(\$8::text, E'\\x1e')::json[],
  string_to_array(\$9::text, E'\\x1e', '')::json[],
  \$10::text::text[],
  \$11::text::boolean,
  \$12::text::text[],
  \$13::text::int[],
  \$14::text
) a`

export const beginBuild: string = `select b.generation, b.resumed::text from :schema.begin_build(\$1::text, \$2::text::int, \$3::text) b`

export const changeSubscription: string = `select :schema.change_subscription(
  \$1::text,
  \$2::text,
  \$3::text::bigint,
  \$4::text::uuid,
  \$5::text::json,
  \$6::text::int,
  \$7::text::bigint,
  \$8::text::boolean,
  \$9::text
)::text as done`

export const checkpoints: string = `select c.partition, c.position::text, case when exists (
    select from :schema.workers w
    where w.place = c.place and w.worker = c.owner and w.alive_until > clock_timestamp()
  ) then c.owner end as owner
from :schema.subscriptions s
join :schema.checkpoints c on c.place = s.place
where s.name = \$1::text
order by c.partition`

export const compareDocuments: string = `with compared as (
  select coalesce(l.key, r.key) as key, l.state as left_state, r.state as right_state
  from (
    select * from :schema.documents d
    where d.projection = \$1::text and d.generation = \$2::text::int and d.state is not null
  ) l
  full join (
    select * from :schema.documents d
    where d.projection = \$1::text and d.generation = \$3::text::int and d.state is not null
  ) r on r.key = l.key
)
select
  (select count(*) from compared)::text as documents,
  (
    select json_agg(json_build_array(d.key, d.left_state::text, d.right_state::text))
    from (
      select * from compared c
      where c.left_state::jsonb is distinct from c.right_state::jsonb
      order by c.key
      limit \$4::text::bigint
    ) d
  )::text as differences`

export const countDocuments: string = `select count(*)::text as documents
from :schema.documents d
where d.projection = \$1::text
  and d.generation = coalesce((select p.generation from :schema.projections p where p.name = \$1::text), 0)
  and d.state is not null`

export const countParked: string = `select count(*)::text as parked from :schema.parked_events p
where p.place = (select s.place from :schema.subscriptions s where s.name = \$1::text)`

export const createStream: string = `select c.created::text, c.version::text, ((date_part('epoch', c.created_at) * 1000)::bigint)::text as created_at
from :schema.create_stream(\$1::text, \$2::text::json, \$3::text::uuid, \$4::text) c`

export const createSubscription: string = `select
to_json(s.name)::text as name,
    to_json(s.place)::text as place,
    s.definition::text as definition,
    s.partitions,
    s.is_paused::text as is_paused,
    to_json(s.successor)::text as successor,
    ((date_part('epoch', s.created_at) * 1000)::bigint)::text as created_at,
    s.revision::text as revision
from :schema.create_subscription(\$1::text, \$2::text::json, \$3::text::bigint, \$4::text) s`

export const dropDocuments: string = `select :schema.drop_documents(\$1::text, \$2::text::int)::text as dropped`

export const findEvents: string = `select
  e.event_id::text, to_json(e.stream_id)::text as stream_id, e.version::text, e.position::text,
  ((date_part('epoch', e.recorded_at) * 1000)::bigint)::text as recorded_at
from unnest(\$1::text::uuid[]) as asked (event_id)
cross join lateral (
  select e.*, s.stream_id
  from :schema.events e
  join :schema.streams s on s.stream_key = e.stream_key
  where e.event_id = asked.event_id
  limit 1
) e`

export const frontier: string = `select
  f.frontier::text,
  (coalesce(pg_sequence_last_value(':schema.event_positions'::regclass), 0))::text as head,
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
left join lateral (select e.position, e.recorded_at from :schema.events e order by e.position desc limit 1) l on true`

export const importEvents: string = `select
  i.imported,
  i.after::text,
  to_json(i.stream_id)::text as stream_id,
  i.event_id::text,
  ((date_part('epoch', i.recorded_at) * 1000)::bigint)::text as recorded_at,
  ((date_part('epoch', i.previous_at) * 1000)::bigint)::text as previous_at
from :schema.import_events(
  \$1::text::text[],
  \$2::text::int[],
  \$3::text::timestamptz[],
  \$4::text::timestamptz[],
  \$5::text::int[],
  \$6::text::int[],
  \$7::text::uuid[],
  \$8::text::text[],
  string_to_array(\$9::text, E'\\x1e'),
  string_to_array(\$10::text, E'\\x1e', ''),
  \$11::text::text[],
  \$12::text::timestamptz[],
  \$13::text::boolean,
  \$14::text::boolean,
  \$15::text::text[],
  \$16::text::int[],
  \$17::text
) i`

export const importedEvents: string = `select
  e.event_id::text, e.version::text, e.position::text,
  ((date_part('epoch', e.recorded_at) * 1000)::bigint)::text as recorded_at
from unnest(\$1::text::uuid[]) as asked (event_id)
cross join lateral (
  select * from :schema.events e where e.event_id = asked.event_id and e.position > \$2::text::bigint limit 1
) e`

export const keepLeases: string = `select
  k.beat, k.kind, k.share, k.is_paused::text as is_paused, k.partitions, k.skip, k.parked_requests::text as parked_requests,
  k.leased, k.tokens, k.positions, extract(epoch from pg_postmaster_start_time())::text as server
from :schema.keep_leases(\$1::text::text[], \$2::text::text[], \$3::text::int[], \$4::text::text[], \$5::text::int[]) k`

export const largestStreams: string = `select
  to_json(s.stream_id)::text as stream_id,
  s.version::text,
  ((date_part('epoch', s.created_at) * 1000)::bigint)::text as created_at,
  ((date_part('epoch', s.last_recorded_at) * 1000)::bigint)::text as last_recorded_at,
  s.metadata::text
from (
  select * from :schema.streams s
  where starts_with(s.stream_id, \$1::text)
  order by s.version desc, s.stream_id
  limit \$2::text::int
) s
order by s.version desc, s.stream_id`

export const lastPosition: string = `select coalesce(max(e.position), 0)::text as position from :schema.events e`

export const leaveSubscription: string = `select :schema.leave_subscription(\$1::text, \$2::text)::text`

export const listDocuments: string = `select to_json(d.key)::text as key, d.state::text, d.revision::text, d.position::text
from :schema.list_documents(\$1::text, \$2::text, \$3::text, \$4::text::int) d`

export const listParked: string = `select
p.position::text,
    to_json(p.stream_id)::text as stream_id,
    p.event_id::text,
    to_json(p.type)::text as type,
    p.state,
    p.failures,
    to_json(p.error)::text as error,
    to_json(p.stack)::text as stack,
    ((date_part('epoch', p.parked_at) * 1000)::bigint)::text as parked_at
from :schema.parked_events p
where p.place = (select s.place from :schema.subscriptions s where s.name = \$1::text)
  and p.position > \$2::text::bigint
order by p.position
limit \$3::text::bigint`

export const listProjections: string = `select to_json(p.name)::text as name, p.version, p.generation, p.mode, p.building_version
from :schema.projections p
where p.name > \$1::text
order by p.name
limit \$2::text::int`

export const listStreams: string = `select
  to_json(s.stream_id)::text as stream_id,
  s.version::text,
  ((date_part('epoch', s.created_at) * 1000)::bigint)::text as created_at,
  ((date_part('epoch', s.last_recorded_at) * 1000)::bigint)::text as last_recorded_at,
  s.metadata::text
from :schema.list_streams(\$1::text, \$2::text, \$3::text::int) s`

export const listSubscriptions: string = `select
to_json(s.name)::text as name,
    to_json(s.place)::text as place,
    s.definition::text as definition,
    s.partitions,
    s.is_paused::text as is_paused,
    to_json(s.successor)::text as successor,
    ((date_part('epoch', s.created_at) * 1000)::bigint)::text as created_at,
    s.revision::text as revision
from :schema.subscriptions s
where s.name > \$1::text
order by s.name
limit \$2::text::bigint`

export const lockAndAppendToEach: string = `with locked as materialized (
  select d.place, d.state, d.revision, d.changed_at
  from :schema.lock_documents(\$16::text::text[], \$17::text::int[], \$18::text::text[], \$19::text) d
),
checked as materialized (
  select count(*) filter (where l.place = 0) as stale from locked l
)
select
  l.place,
  l.state::text,
  l.revision::text,
  l.changed_at::text as position,
  null::text as outcomes,
  null::text as versions,
  null::text as recorded_ats,
  null::text as positions
from locked l
union all
select
  null,
  null,
  null,
  null,
  array_to_json(a.outcomes)::text as outcomes,
  array_to_json(a.versions)::text as versions,
  (select json_agg((date_part('epoch', r) * 1000)::bigint) from unnest(a.recorded_ats) r)::text as recorded_ats,
  array_to_json(a.positions)::text as positions
from checked k
cross join lateral :schema.append_to_each(
  \$1::text::text[],
  \$2::text::int[],
  \$3::text::bigint[],
  \$4::text::int[],
  \$5::text::int[],
  \$6::text::int[],
  \$7::text::uuid[],
  \$8::text::text[],
  string_to_array(\$9::text, E'\\x1e')::json[],
  string_to_array(\$10::text, E'\\x1e', '')::json[],
  \$11::text::text[],
  \$12::text::boolean,
  \$13::text::text[],
  \$14::text::int[],
  case when k.stale = 0 then \$15::text end
) a
where k.stale = 0`

export const lockAndAppendToStreams: string = `with locked as materialized (
  select d.place, d.state, d.revision, d.changed_at
  from :schema.lock_documents(\$15::text::text[], \$16::text::int[], \$17::text::text[], \$18::text) d
),
checked as materialized (
  select count(*) filter (where l.place = 0) as stale from locked l
)
select
  l.place,
  l.state::text,
  l.revision::text,
  l.changed_at::text as position,
  null::text as outcomes,
  null::text as versions,
  null::text as recorded_ats,
  null::text as positions
from locked l
union all
select
  null,
  null,
  null,
  null,
  array_to_json(a.outcomes)::text as outcomes,
  array_to_json(a.versions)::text as versions,
  (select json_agg((date_part('epoch', r) * 1000)::bigint) from unnest(a.recorded_ats) r)::text as recorded_ats,
  array_to_json(a.positions)::text as positions
from checked k
cross join lateral :schema.append_to_streams(
  \$1::text::text[],
  \$2::text::bigint[],
  \$3::text::int[],
  \$4::text::int[],
  \$5::text::int[],
  \$6::text::uuid[],
  \$7::text::text[],
  string_to_array(\$8::text, E'\\x1e')::json[],
  string_to_array(\$9::text, E'\\x1e', '')::json[],
  \$10::text::text[],
  \$11::text::boolean,
  \$12::text::text[],
  \$13::text::int[],
  case when k.stale = 0 then \$14::text end
) a
where k.stale = 0`

export const lockAppends: string = `select :schema.lock_appends()::text as locked`

export const lockDocuments: string = `select d.place, d.state::text, d.revision::text, d.changed_at::text as position
from :schema.lock_documents(\$1::text::text[], \$2::text::int[], \$3::text::text[], \$4::text) d`

export const lockProjection: string = `with former as materialized (select current_setting('lock_timeout') as timeout),
bound as materialized (select former.timeout, set_config('lock_timeout', coalesce(\$2::text, former.timeout), true) from former)
select pg_advisory_xact_lock(':schema.projections'::regclass::int, :schema.projection_lock(\$1::text))::text,
  bound.timeout from bound`

export const missingPrivileges: string = `select current_user::text as role, (
select json_agg(needed.privilege)
    from (
      select 'USAGE on schema :schema_name' as privilege
      where not has_schema_privilege(':schema_name', 'USAGE')
      union all
      select 'SELECT on :schema_name.' || c.relname
      from pg_class c
      where c.relnamespace = to_regnamespace(':schema') and c.relname = any (\$2::text::text[])
        and not has_table_privilege(c.oid, 'SELECT')
      union all
      select 'EXECUTE on :schema_name.' || f.proname
      from pg_proc f
      where f.pronamespace = to_regnamespace(':schema') and f.proname = any (\$1::text::text[])
        and not has_function_privilege(f.oid, 'EXECUTE')
    ) needed
)::text as missing`

export const moveCheckpoints: string = `select :schema.move_checkpoints(\$1::text, \$2::text::json, \$3::text::bigint)::text`

export const notify: string = `select pg_notify(\$1::text, \$2::text)::text as done`

export const parkEvents: string = `select (extract(epoch from pg_postmaster_start_time())::text = \$13::text and :schema.park_events(
  \$1::text,
  \$2::text::int,
  \$3::text::bigint,
  \$4::text::bigint,
  \$5::text::bigint[],
  \$6::text::text[],
  \$7::text::uuid[],
  \$8::text::text[],
  \$9::text::text[],
  \$10::text::int[],
  \$11::text::text[],
  \$12::text::text[]
))::text as held`

export const parkedStreams: string = `select to_json(p.stream_id)::text as stream_id, max(p.position)::text as position
from :schema.subscriptions s
left join :schema.parked_events p on p.place = s.place and p.partition = \$2::text::int
where s.place = \$1::text and s.partitions = \$3::text::int
group by p.stream_id`

export const parkedToHandle: string = `select
p.position::text,
    to_json(p.stream_id)::text as stream_id,
    p.event_id::text,
    to_json(p.type)::text as type,
    p.state,
    p.failures,
    to_json(p.error)::text as error,
    to_json(p.stack)::text as stack,
    ((date_part('epoch', p.parked_at) * 1000)::bigint)::text as parked_at
from :schema.subscriptions s
left join lateral :schema.parked_to_handle(s.place, \$2::text::int, \$3::text::bigint) p on true
where s.place = \$1::text and s.partitions = \$4::text::int
order by p.position`

export const pauseSubscription: string = `select :schema.pause_subscription(\$1::text, \$2::text::boolean, \$3::text)::text as done`

export const positionBefore: string = `select p.position::text, p.is_found::text
from :schema.position_before(\$1::text::timestamptz, \$2::text::bigint) p`

export const readDocument: string = `select to_json(d.key)::text as key, d.state::text, d.revision::text, d.position::text
from :schema.documents d
where d.projection = \$1::text
  and d.generation = coalesce((select p.generation from :schema.projections p where p.name = \$1::text), 0)
  and d.key = \$2::text and d.state is not null`

export const readDocuments: string = `select a.place::int, d.state::text, d.revision::text, d.position::text
from unnest(\$1::text::text[], \$2::text::int[], \$3::text::text[]) with ordinality as a (projection, generation, key, place)
cross join lateral (
  select * from :schema.documents d
  where d.projection = a.projection and d.generation = a.generation and d.key = a.key and d.state is not null
  limit 1
) d`

export const readLog: string = `select
  p.frontier::text, p.through::text, p.is_full::text, p.event_count, p.positions, p.versions, p.recorded_ats, p.event_ids,
  p.types, p.data, p.metadata, p.tags, p.stream_keys, p.names,
  (coalesce(pg_sequence_last_value(':schema.event_positions'::regclass), 0))::text as head,
  floor(extract(epoch from statement_timestamp()) * 1000)::text as read_at,
  extract(epoch from pg_postmaster_start_time())::text as server,
  extract(epoch from pg_postmaster_start_time())::text || ' ' || (select d.oid from pg_database d where d.datname = current_database())::text
  || ' ' || pg_relation_filenode(':schema.streams'::regclass) as origin
from :schema.log_page(
  \$1::text::bigint,
  \$2::text::bigint,
  \$3::text::text[],
  \$4::text,
  \$5::text::text[],
  \$6::text::int,
  \$7::text::int,
  \$8::text::boolean,
  \$9::text::int,
  \$10::text::int,
  \$11::text::boolean
) p`

export const readStream: string = `select part.stream_version::text, part.lower_version::text, part.upper_version::text, row.*
from (
  select
    \$1::text as stream_id,
    \$2::text::bigint as first_version,
    \$3::text::bigint as last_version,
    \$4::text::timestamptz as as_of,
    \$5::text::bigint as most,
    \$6::text::boolean as backward,
    \$7::text::bigint as row_size
) asked
left join lateral (
  select
      reach.stream_key,
      reach.stream_version,
      case
        when asked.backward then greatest(asked.first_version, reach.version - asked.most + 1)
        else asked.first_version
      end as lower_version,
      case
        when asked.backward then reach.version
        else least(reach.version, asked.first_version + asked.most - 1)
      end as upper_version
    from (
      select
        s.stream_key,
        s.version as stream_version,
        case
          when asked.as_of is null then least(asked.last_version, s.version)
          else :schema.version_as_of(s.stream_key, asked.as_of, least(asked.last_version, s.version))
        end as version
      from :schema.streams s
      where s.stream_id = asked.stream_id
      offset 0
    ) reach
    offset 0
) part on true
left join lateral (
  select columns.*
  from (
    select generate_series(
      case when asked.backward then part.upper_version else part.lower_version end,
      case when asked.backward then part.lower_version else part.upper_version end,
      case when asked.backward then -asked.row_size else asked.row_size end
    ) as version,
    case
      when asked.row_size > 1 and part.upper_version > part.lower_version
      then 209715 / least(asked.row_size, part.upper_version - part.lower_version + 1)
      else 2147483647
    end as _share
    limit 40
  ) start
  cross join lateral (
    select count(*)::int as event_count,
    ('[' || string_agg(e.position::text, ',') || ']')::varchar as positions,
    ('[' || string_agg(e.version::text, ',') || ']')::varchar as versions,
    ('[' || string_agg((date_part('epoch', e.recorded_at) * 1000)::bigint::text, ',') || ']')::varchar as recorded_ats,
    ('["' || string_agg(e.event_id::text, '","') || '"]')::varchar as event_ids,
    to_json(array_agg(e.type))::text::varchar as types,
    greatest(1, 209715 / max(e.size)) as fitting,
    case when max(e.size) <= _share then
      ('[' || string_agg(e.data::text, ',') filter (where e.size <= _share) || ']')::varchar
    end as data,
    case when max(e.size) <= _share and count(e.metadata) > 0 then
      ('[' || string_agg(coalesce(e.metadata::text, '{}'), ',') filter (where e.size <= _share) || ']')::varchar
    end as metadata,
    case
      when count(e.tags) > 0 then ('[' || string_agg(coalesce(to_json(e.tags)::text, '[]'), ',') || ']')::varchar
    end as tags
    from (
      select *, pg_column_size(e.data) + coalesce(pg_column_size(e.metadata), 0) as size from :schema.events e
      where e.stream_key = part.stream_key
        and e.version >= case
          when asked.backward then greatest(part.lower_version, start.version - asked.row_size + 1)
          else start.version
        end
        and e.version <= case
          when asked.backward then start.version
          else least(part.upper_version, start.version + asked.row_size - 1)
        end
      order by e.version
      limit 100
    ) e
  ) columns
) row on true`

export const readStreams: string = `select
  r.place, r.stream_version::text, r.lower_version::text, r.upper_version::text, r.event_count, r.positions, r.versions,
  r.recorded_ats, r.event_ids, r.types, r.fitting, r.data, r.metadata, r.tags
from :schema.read_streams(
  \$1::text::text[],
  \$2::text::bigint[],
  \$3::text::bigint[],
  \$4::text::timestamptz[],
  \$5::text::bigint[],
  \$6::text::boolean[]
) r`

export const readSubscription: string = `select
to_json(s.name)::text as name,
    to_json(s.place)::text as place,
    s.definition::text as definition,
    s.partitions,
    s.is_paused::text as is_paused,
    to_json(s.successor)::text as successor,
    ((date_part('epoch', s.created_at) * 1000)::bigint)::text as created_at,
    s.revision::text as revision
from :schema.subscriptions s
where s.name = \$1::text`

export const registerProjections: string = `select r.place, r.version, r.generation, r.mode
from :schema.register_projections(\$1::text::text[], \$2::text::int[], \$3::text::text[]) r`

export const registeredProjection: string = `select p.version, p.generation, p.mode from :schema.projections p where p.name = \$1::text`

export const releaseLease: string = `select case when extract(epoch from pg_postmaster_start_time())::text = \$4::text
  then :schema.release_lease(\$1::text, \$2::text::int, \$3::text::bigint)::text
end`

export const releaseLeases: string = `select r as busy
from :schema.release_leases(
  array(
    select case when l.server = extract(epoch from pg_postmaster_start_time())::text then l.place end
    from unnest(\$1::text::text[], \$4::text::text[]) as l (place, server)
  ),
  \$2::text::int[],
  \$3::text::bigint[]
) r`

export const removeSubscription: string = `select :schema.remove_subscription(\$1::text, \$2::text, \$3::text::bigint, \$4::text::boolean, \$5::text)::text as done`

export const requireTransaction: string = `lock table :schema.streams in access share mode`

export const retryParked: string = `select to_json(:schema.retry_parked(\$1::text, \$2::text::bigint[], \$3::text))::text as positions`

export const schemaStatus: string = `select
  (select json_agg(to_json(m)) from :schema.migrations m)::text as applied,
  (exists (
    select from pg_trigger t
    where t.tgrelid = to_regclass(':schema.events') and t.tgname = 'protect_events' and t.tgenabled in ('O', 'A')
  ))::text as events_protected`

export const schemaWarnings: string = `select
  current_user::text as role,
  current_database()::text as database,
  current_setting('fsync') as fsync,
  current_setting('full_page_writes') as full_page_writes,
  current_setting('synchronous_commit') as synchronous_commit,
  current_setting('autovacuum') as autovacuum,
  current_setting('idle_in_transaction_session_timeout') as idle_timeout,
  (
    select json_agg(json_build_object('role', r.rolname, 'database', d.datname) order by r.rolname, d.datname)
    from pg_db_role_setting s
    left join pg_roles r on r.oid = s.setrole
    left join pg_database d on d.oid = s.setdatabase
    where exists (select from unnest(s.setconfig) c where c ~* '^synchronous_commit=(off|false|no|0)\$')
      and (s.setdatabase = 0 or d.datname = current_database())
      and (s.setrole = 0 or has_schema_privilege(s.setrole, ':schema_name', 'USAGE'))
  )::text as lossy_sessions,
  (
    select json_agg(c.relname order by c.relname)
    from pg_class c
    where c.relnamespace = to_regnamespace(':schema') and c.relkind = 'r'
      and exists (select from unnest(c.reloptions) o where o ~* '^autovacuum_enabled=(off|false|no|0)\$')
  )::text as unvacuumed,
  (select age(d.datfrozenxid) from pg_database d where d.datname = current_database())::text as transaction_age,
  current_setting('autovacuum_freeze_max_age') as freeze_age,
  (
    select pg_has_role(c.relowner, 'USAGE') from pg_class c where c.oid = to_regclass(':schema.events')
  )::text as is_owner,
  (
    select json_agg(json_build_object('role', g.role, 'privileges', g.privileges) order by g.role)
    from (
      select case a.grantee when 0 then 'public' else a.grantee::regrole::text end as role,
        string_agg(lower(a.privilege_type), ', ' order by a.privilege_type) as privileges
      from pg_class c, aclexplode(c.relacl) a
      where c.oid = to_regclass(':schema.events') and a.grantee <> c.relowner
        and a.privilege_type in ('INSERT', 'UPDATE', 'DELETE', 'TRUNCATE', 'TRIGGER')
      group by 1
    ) g
  )::text as writers_of_events,
  (
select json_agg(needed.privilege)
    from (
      select 'USAGE on schema :schema_name' as privilege
      where not has_schema_privilege(':schema_name', 'USAGE')
      union all
      select 'SELECT on :schema_name.' || c.relname
      from pg_class c
      where c.relnamespace = to_regnamespace(':schema') and c.relname = any (\$2::text::text[])
        and not has_table_privilege(c.oid, 'SELECT')
      union all
      select 'EXECUTE on :schema_name.' || f.proname
      from pg_proc f
      where f.pronamespace = to_regnamespace(':schema') and f.proname = any (\$1::text::text[])
        and not has_function_privilege(f.oid, 'EXECUTE')
    ) needed
  )::text as missing`

export const sessionFacts: string = `select
version() as version,
  current_setting('server_version_num', true) as version_number,
  current_setting('server_encoding', true) as server_encoding,
  current_setting('client_encoding', true) as client_encoding,
  current_setting('array_nulls', true) as array_nulls`

export const setProjection: string = `select :schema.set_projection(\$1::text, \$2::text::int, \$3::text::int, \$4::text)::text`

export const skipParked: string = `select to_json(:schema.skip_parked(\$1::text, \$2::text::bigint[], \$3::text))::text as positions`

export const startUp: string = `select
  (select json_agg(to_json(m)) from :schema.migrations m)::text as applied,
  (exists (
    select from pg_trigger t
    where t.tgrelid = to_regclass(':schema.events') and t.tgname = 'protect_events' and t.tgenabled in ('O', 'A')
  ))::text as events_protected,
  case when pg_is_in_recovery() then pg_current_xact_id()::text end as not_on_a_replica,
  current_user::text as role,
version() as version,
  current_setting('server_version_num', true) as version_number,
  current_setting('server_encoding', true) as server_encoding,
  current_setting('client_encoding', true) as client_encoding,
  current_setting('array_nulls', true) as array_nulls,
  :schema.sees_own_marker()::text as sees_own_marker,
  (
select json_agg(needed.privilege)
    from (
      select 'USAGE on schema :schema_name' as privilege
      where not has_schema_privilege(':schema_name', 'USAGE')
      union all
      select 'SELECT on :schema_name.' || c.relname
      from pg_class c
      where c.relnamespace = to_regnamespace(':schema') and c.relname = any (\$2::text::text[])
        and not has_table_privilege(c.oid, 'SELECT')
      union all
      select 'EXECUTE on :schema_name.' || f.proname
      from pg_proc f
      where f.pronamespace = to_regnamespace(':schema') and f.proname = any (\$1::text::text[])
        and not has_function_privilege(f.oid, 'EXECUTE')
    ) needed
  )::text as missing,
  (
    select (q.seqincrement = 1 and q.seqcache = 1 and not q.seqcycle)::text
    from pg_sequence q where q.seqrelid = ':schema.event_positions'::regclass
  ) as is_ordered,
  (select coalesce(max(e.position), 0) from :schema.events e)::text as last_position,
  (coalesce(pg_sequence_last_value(':schema.event_positions'::regclass), 0))::text as head,
  coalesce(pg_sequence_last_value(':schema.stream_keys'::regclass), 0)::text as last_stream_key,
  current_setting('fsync') as fsync,
  current_setting('full_page_writes') as full_page_writes,
  current_setting('synchronous_commit') as synchronous_commit`

export const streamInfo: string = `select
  to_json(s.stream_id)::text as stream_id,
  s.version::text,
  ((date_part('epoch', s.created_at) * 1000)::bigint)::text as created_at,
  ((date_part('epoch', s.last_recorded_at) * 1000)::bigint)::text as last_recorded_at,
  s.metadata::text
from :schema.streams s
where s.stream_id = \$1::text`

export const streamNames: string = `select :schema.stream_names(\$1::text::bigint[]) as names, extract(epoch from pg_postmaster_start_time())::text || ' ' || (select d.oid from pg_database d where d.datname = current_database())::text
  || ' ' || pg_relation_filenode(':schema.streams'::regclass) as origin`

export const takeOverSubscription: string = `select :schema.take_over_subscription(
  \$1::text,
  \$2::text,
  \$3::text::bigint,
  \$4::text::uuid,
  \$5::text,
  \$6::text::json,
  \$7::text
)::text as done`

export const unparkEvent: string = `select (
  extract(epoch from pg_postmaster_start_time())::text = \$5::text and :schema.unpark_event(\$1::text, \$2::text::int, \$3::text::bigint, \$4::text::bigint)
)::text as held`

export const writeDocuments: string = `select :schema.write_documents(
  \$1::text::text[],
  \$2::text::int[],
  \$3::text::text[],
  string_to_array(\$4::text, E'\\x1e', 'null')::json[],
  \$5::text::bigint[]
)::text`
