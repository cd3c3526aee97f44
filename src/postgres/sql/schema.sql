-- Made by scripts/dump-schema.ts: the whole schema as the migrations and functions leave it. Do not edit.

-- Name: eventsourced; Type: SCHEMA; Schema: -; Owner: -

CREATE SCHEMA eventsourced;

-- Name: advance_checkpoint(text, integer, bigint, bigint); Type: FUNCTION; Schema: eventsourced; Owner: -

CREATE FUNCTION eventsourced.advance_checkpoint(of_place text, of_partition integer, of_token bigint, to_position bigint) RETURNS boolean
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
begin
  update "eventsourced".checkpoints c set position = greatest(c.position, to_position)
  where c.place = of_place and c.partition = of_partition and c.token = of_token and c.owner is not null;
  return found;
end
$$;

-- Name: advance_checkpoints(text[], integer[], bigint[], text[], bigint[]); Type: FUNCTION; Schema: eventsourced; Owner: -

CREATE FUNCTION eventsourced.advance_checkpoints(places text[], partitions integer[], tokens bigint[], servers text[], positions bigint[]) RETURNS TABLE(move integer, outcome text)
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET plan_cache_mode TO 'force_generic_plan'
    SET enable_seqscan TO 'off'
    SET enable_bitmapscan TO 'off'
    SET enable_hashjoin TO 'off'
    SET enable_mergejoin TO 'off'
    SET jit TO 'off'
    AS $$
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
      select c.position from "eventsourced".checkpoints c
      where c.place = m.place and c.partition = m.partition and c.token = m.token and c.owner is not null
      for update skip locked
    ) c
  ),
  moved as (
    update "eventsourced".checkpoints c set position = h.target
    from held h
    where c.place = h.place and c.partition = h.partition and h.position < h.target
  )
  select
    n.number::int,
    case
      when exists (select from held h where h.number = n.number) then 'moved'
      when exists (
        select from moves m
        join "eventsourced".checkpoints c
          on c.place = m.place and c.partition = m.partition and c.token = m.token and c.owner is not null
        where m.number = n.number
      ) then 'busy'
      else 'lost'
    end
  from generate_series(1, cardinality(places)) as n (number);
end
$$;

-- Name: append_to_each(text[], integer[], bigint[], integer[], integer[], integer[], uuid[], text[], json[], json[], text[], boolean, text[], integer[], text); Type: FUNCTION; Schema: eventsourced; Owner: -

CREATE FUNCTION eventsourced.append_to_each(stream_ids text[], places integer[], expected_versions bigint[], event_counts integer[], owners integer[], nths integer[], event_ids uuid[], types text[], data json[], metadata json[], tags text[], retried boolean, inline_names text[], inline_versions integer[], lock_timeout text, OUT outcomes text[], OUT versions bigint[], OUT recorded_ats timestamp with time zone[], OUT positions bigint[]) RETURNS record
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET plan_cache_mode TO 'force_generic_plan'
    SET enable_seqscan TO 'off'
    SET enable_bitmapscan TO 'off'
    SET enable_hashjoin TO 'off'
    SET enable_mergejoin TO 'off'
    SET jit TO 'off'
    AS $$
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
    array_agg(coalesce(s.stream_key, nextval('"eventsourced".stream_keys'))),
    array_agg(s.version),
    array_agg(greatest(_now, s.last_recorded_at))
  into _stream_keys, _heads, _times
  from unnest(stream_ids) as a (stream_id)
  left join lateral (
    select * from "eventsourced".streams s where s.stream_id = a.stream_id for no key update skip locked
  ) s on true;
  _versions := _heads;
  if retried then
    -- Check after locking: an earlier attempt may have been about to commit.
    foreach _at in array "eventsourced".recorded_owners(owners, event_ids) loop
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
    elsif "eventsourced".is_expected(expected_versions[_at], _version) then
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
        insert into "eventsourced".streams as s (stream_key, stream_id, version, created_at, last_recorded_at)
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
    update "eventsourced".streams s
    set version = m.version, last_recorded_at = m.recorded_at
    from unnest(_stream_keys, _heads, _versions, _times) as m (stream_key, head, version, recorded_at)
    where m.version > m.head and s.stream_key = m.stream_key;
  end if;

  -- 4. Insert the events.
  if 'appended' = any (outcomes) then
    perform "eventsourced".mark_writer(inline_names, inline_versions);
    with inserted as (
      insert into "eventsourced".events
        (position, stream_key, version, recorded_at, event_id, type, data, metadata, tags)
      select
        nextval('"eventsourced".event_positions'),
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
    foreach _at in array "eventsourced".recorded_owners(owners, event_ids) loop
      if outcomes[_at] = 'conflict' then
        outcomes[_at] := 'repeated';
      end if;
    end loop;
  end if;
end
$$;

-- Name: append_to_stream(text, bigint, uuid[], text[], json[], json[], text[], boolean, text); Type: FUNCTION; Schema: eventsourced; Owner: -

CREATE FUNCTION eventsourced.append_to_stream(stream_id text, expected_version bigint, event_ids uuid[], types text[], data json[], metadata json[], tags text[], retried boolean, lock_timeout text, OUT outcome text, OUT version bigint, OUT recorded_at timestamp with time zone, OUT positions bigint[]) RETURNS record
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
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
    perform from "eventsourced".streams s where s.stream_id = append_to_stream.stream_id for no key update;
    if cardinality("eventsourced".recorded_owners(array_fill(1, array[_event_count]), event_ids)) > 0 then
      outcome := 'repeated';
      return;
    end if;
  end if;

  loop
    -- The stream should not exist yet. The insert both locks it and checks that.
    if _create then
      insert into "eventsourced".streams as s (stream_key, stream_id, version, created_at, last_recorded_at)
      values (nextval('"eventsourced".stream_keys'), append_to_stream.stream_id, _event_count, _now, _now)
      on conflict on constraint streams_stream_id_key do nothing
      returning s.stream_key into _stream_key;
      if found then
        version := _event_count;
        recorded_at := _now;
        exit;
      end if;
    end if;

    update "eventsourced".streams s
    set version = s.version + _event_count, last_recorded_at = greatest(_now, s.last_recorded_at)
    where s.stream_id = append_to_stream.stream_id and "eventsourced".is_expected(expected_version, s.version)
    returning s.stream_key, s.version, s.last_recorded_at into _stream_key, version, recorded_at;
    exit when found;

    if expected_version is not null then
      outcome := 'conflict';
      if cardinality("eventsourced".recorded_owners(array_fill(1, array[_event_count]), event_ids)) > 0 then
        outcome := 'repeated';
      end if;
      select s.version into version from "eventsourced".streams s where s.stream_id = append_to_stream.stream_id;
      version := coalesce(version, 0);
      return;
    end if;
    -- Any version is accepted and the stream does not exist: create it. If another transaction creates it first,
    -- repeat.
    _create := true;
  end loop;

  outcome := 'appended';
  perform "eventsourced".mark_writer('{}', '{}');
  with inserted as (
    insert into "eventsourced".events
      (position, stream_key, version, recorded_at, event_id, type, data, metadata, tags)
    select
      nextval('"eventsourced".event_positions'),
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
$$;

-- Name: append_to_streams(text[], bigint[], integer[], integer[], integer[], uuid[], text[], json[], json[], text[], boolean, text[], integer[], text); Type: FUNCTION; Schema: eventsourced; Owner: -

CREATE FUNCTION eventsourced.append_to_streams(stream_ids text[], expected_versions bigint[], event_counts integer[], owners integer[], nths integer[], event_ids uuid[], types text[], data json[], metadata json[], tags text[], retried boolean, inline_names text[], inline_versions integer[], lock_timeout text, OUT outcomes text[], OUT versions bigint[], OUT recorded_ats timestamp with time zone[], OUT positions bigint[]) RETURNS record
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET plan_cache_mode TO 'force_generic_plan'
    SET enable_seqscan TO 'off'
    SET enable_bitmapscan TO 'off'
    SET enable_hashjoin TO 'off'
    SET enable_mergejoin TO 'off'
    SET jit TO 'off'
    AS $$
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
    insert into "eventsourced".streams as s (stream_key, stream_id, version, created_at)
    select nextval('"eventsourced".stream_keys'), n.id, 0, _now
    from (select * from unnest(stream_ids) as n (id) order by n.id collate "C") n
    on conflict on constraint streams_stream_id_key do nothing
    returning s.stream_key, s.stream_id
  )
  select coalesce(array_agg(c.stream_key order by c.stream_id collate "C"), '{}') into _created from created c;
  versions := array_fill(null::bigint, array[cardinality(stream_ids)]);
  for _stream in
    select a.place, s.stream_key, s.version, s.last_recorded_at
    from (select * from unnest(stream_ids) with ordinality as s (id, place) order by s.id collate "C") a
    cross join lateral (select * from "eventsourced".streams s where s.stream_id = a.id for no key update) s
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
    foreach _at in array "eventsourced".recorded_owners(owners, event_ids) loop
      _repeated[_at] := true;
    end loop;
  end if;

  -- 2. Decide.
  for _at in 1 .. cardinality(stream_ids) loop
    if _repeated[_at] then
      outcomes[_at] := 'repeated';
    elsif "eventsourced".is_expected(expected_versions[_at], versions[_at]) then
      outcomes[_at] := 'appended';
    else
      outcomes[_at] := 'conflict';
    end if;
    versions[_at] := coalesce(versions[_at], 0);
  end loop;
  if 'appended' <> any (outcomes) then
    delete from "eventsourced".streams s where s.stream_key = any (_created);
    -- If this call is a repeat, one stream may show a conflict while another would accept its append again. Both are
    -- repeats.
    foreach _at in array "eventsourced".recorded_owners(owners, event_ids) loop
      outcomes[_at] := 'repeated';
    end loop;
    return;
  end if;

  -- 3. Update the versions of the streams.
  for _at in 1 .. cardinality(stream_ids) loop
    versions[_at] := versions[_at] + event_counts[_at];
  end loop;
  recorded_ats := _times;
  update "eventsourced".streams s
  set version = m.version, last_recorded_at = m.recorded_at
  from unnest(_stream_keys, event_counts, versions, _times) as m (stream_key, event_count, version, recorded_at)
  where m.event_count > 0 and s.stream_key = m.stream_key;
  if cardinality(_created) > 0 then
    delete from "eventsourced".streams s where s.stream_key = any (_created) and s.version = 0;
  end if;

  -- 4. Insert the events.
  if cardinality(event_ids) > 0 then
    perform "eventsourced".mark_writer(inline_names, inline_versions);
    with inserted as (
      insert into "eventsourced".events
        (position, stream_key, version, recorded_at, event_id, type, data, metadata, tags)
      select
        nextval('"eventsourced".event_positions'),
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
$$;

-- Name: begin_build(text, integer, text); Type: FUNCTION; Schema: eventsourced; Owner: -

CREATE FUNCTION eventsourced.begin_build(of_projection text, to_version integer, in_mode text, OUT generation integer, OUT resumed boolean) RETURNS record
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
begin
  insert into "eventsourced".projections (name, version, generation, mode, last_generation)
  values (of_projection, 0, 0, in_mode, 0)
  on conflict do nothing;
  select p.building_generation, p.building_version = to_version into generation, resumed
  from "eventsourced".projections p where p.name = of_projection for update;
  if resumed is not true then
    resumed := false;
    update "eventsourced".projections p
    set building_version = to_version, building_generation = p.last_generation + 1,
      last_generation = p.last_generation + 1
    where p.name = of_projection
    returning p.building_generation into generation;
  end if;
end
$$;

-- Name: change_subscription(text, text, bigint, uuid, json, integer, bigint, boolean, text); Type: FUNCTION; Schema: eventsourced; Owner: -

CREATE FUNCTION eventsourced.change_subscription(of_subscription text, at_place text, at_revision bigint, change_id uuid, to_definition json, to_partitions integer, to_position bigint, again boolean, lock_timeout text) RETURNS boolean
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET plan_cache_mode TO 'force_generic_plan'
    SET enable_seqscan TO 'off'
    SET enable_bitmapscan TO 'off'
    SET enable_hashjoin TO 'off'
    SET enable_mergejoin TO 'off'
    SET jit TO 'off'
    AS $$
declare
  _current "eventsourced".subscriptions;
begin
  if lock_timeout is not null then
    perform set_config('lock_timeout', change_subscription.lock_timeout, true);
  end if;
  select s.* into _current from "eventsourced".subscriptions s where s.name = of_subscription for update;
  if _current.change_id = change_subscription.change_id then
    return true;
  end if;
  if (_current.place = at_place and _current.revision = at_revision) is not true then
    return false;
  end if;

  if again then
    perform "eventsourced".divide_partitions(at_place, to_partitions, to_position);
    delete from "eventsourced".parked_events p where p.place = at_place and p.position > to_position;
  else
    perform "eventsourced".divide_partitions(at_place, to_partitions, null);
    update "eventsourced".checkpoints c set position = to_position where c.place = at_place and c.position < to_position;
  end if;
  update "eventsourced".subscriptions s
  set definition = coalesce(to_definition, s.definition),
    kind = coalesce(to_definition ->> 'kind', s.kind),
    version = coalesce((to_definition ->> 'version')::int, s.version),
    revision = s.revision + 1,
    change_id = change_subscription.change_id
  where s.name = of_subscription;
  if to_definition is not null then
    -- Workers of an earlier definition must not count when shares are computed.
    perform "eventsourced".forget_workers(at_place);
  end if;
  return true;
end
$$;

-- Name: create_stream(text, json, uuid, text); Type: FUNCTION; Schema: eventsourced; Owner: -

CREATE FUNCTION eventsourced.create_stream(stream_id text, metadata json, creation_id uuid, lock_timeout text, OUT created boolean, OUT version bigint, OUT created_at timestamp with time zone) RETURNS record
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
begin
  if lock_timeout is not null then
    perform set_config('lock_timeout', create_stream.lock_timeout, true);
  end if;
  insert into "eventsourced".streams as s (stream_key, stream_id, version, created_at, metadata, creation_id)
  values (
    nextval('"eventsourced".stream_keys'), create_stream.stream_id, 0, date_trunc('milliseconds', clock_timestamp()),
    create_stream.metadata, create_stream.creation_id
  )
  on conflict on constraint streams_stream_id_key do nothing;
  -- The insert waited for concurrent creations of the stream, and this statement sees their result.
  select s.creation_id is not distinct from create_stream.creation_id, s.version, s.created_at
  into created, version, created_at
  from "eventsourced".streams s
  where s.stream_id = create_stream.stream_id;
end
$$;

-- Name: subscriptions; Type: TABLE; Schema: eventsourced; Owner: -

CREATE TABLE eventsourced.subscriptions (
    name text NOT NULL COLLATE pg_catalog."C",
    place text COLLATE pg_catalog."C",
    kind text,
    version integer,
    definition json,
    partitions integer NOT NULL,
    is_paused boolean DEFAULT false NOT NULL,
    skip json,
    successor text COLLATE pg_catalog."C",
    parked_requests bigint DEFAULT 0 NOT NULL,
    revision bigint DEFAULT 1 NOT NULL,
    change_id uuid,
    created_at timestamp with time zone DEFAULT date_trunc('milliseconds'::text, clock_timestamp()) NOT NULL
)
WITH (fillfactor='80');

-- Name: create_subscription(text, json, bigint, text); Type: FUNCTION; Schema: eventsourced; Owner: -

CREATE FUNCTION eventsourced.create_subscription(of_subscription text, of_definition json, from_position bigint, lock_timeout text) RETURNS SETOF eventsourced.subscriptions
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
declare
  _place text;
begin
  if lock_timeout is not null then
    perform set_config('lock_timeout', create_subscription.lock_timeout, true);
  end if;
  loop
    -- Waits for another transaction that registers or removes the subscription.
    insert into "eventsourced".subscriptions as s (name, place, kind, version, definition, partitions)
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
      perform "eventsourced".set_partitions(_place, (of_definition ->> 'partitions')::int, from_position, 0);
    end if;
    return query select s.* from "eventsourced".subscriptions s where s.name = of_subscription;
    -- If another transaction has removed the old one meanwhile, the loop registers the new one.
    exit when found;
  end loop;
end
$$;

-- Name: divide_partitions(text, integer, bigint); Type: FUNCTION; Schema: eventsourced; Owner: -

CREATE FUNCTION eventsourced.divide_partitions(of_place text, to_partitions integer, to_position bigint) RETURNS void
    LANGUAGE plpgsql
    SET plan_cache_mode TO 'force_generic_plan'
    SET enable_seqscan TO 'off'
    SET enable_bitmapscan TO 'off'
    SET enable_hashjoin TO 'off'
    SET enable_mergejoin TO 'off'
    SET jit TO 'off'
    AS $$
declare
  _checkpoints bigint[];
  _token bigint;
  _lowest bigint;
  _partitions int;
begin
  select array_agg(c.position order by c.partition), max(c.token) + 1, min(c.position)
  into _checkpoints, _token, _lowest
  from (
    select c.partition, c.position, c.token from "eventsourced".checkpoints c
    where c.place = of_place
    order by c.partition
    for update
  ) c;
  _partitions := coalesce(to_partitions, cardinality(_checkpoints));

  if to_position is not null then
    perform "eventsourced".set_partitions(of_place, _partitions, to_position, _token);
    update "eventsourced".subscriptions s set skip = null where s.place = of_place;
  elsif _partitions = cardinality(_checkpoints) then
    update "eventsourced".checkpoints c set owner = null, token = _token where c.place = of_place;
  else
    perform "eventsourced".set_partitions(of_place, _partitions, _lowest, _token);
    update "eventsourced".subscriptions s
    set skip = "eventsourced".layers_above(
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
    update "eventsourced".subscriptions s set partitions = _partitions where s.place = of_place;
    update "eventsourced".parked_events p set partition = "eventsourced".part_of_stream(p.stream_id, _partitions)
    where p.place = of_place and p.partition <> "eventsourced".part_of_stream(p.stream_id, _partitions);
  end if;
end
$$;

-- Name: drop_documents(text, integer); Type: FUNCTION; Schema: eventsourced; Owner: -

CREATE FUNCTION eventsourced.drop_documents(of_projection text, kept_generation integer) RETURNS bigint
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
declare
  _dropped bigint;
begin
  if kept_generation is null then
    update "eventsourced".projections p set building_version = null, building_generation = null
    where p.name = of_projection and p.building_generation is not null;
  end if;
  delete from "eventsourced".documents d
  where d.ctid in (
    select o.ctid from "eventsourced".documents o
    where o.projection = of_projection
      and o.generation is distinct from kept_generation
      and o.generation <> coalesce((select p.generation from "eventsourced".projections p where p.name = of_projection), 0)
    limit 10000
  );
  get diagnostics _dropped = row_count;
  return _dropped;
end
$$;

-- Name: enter_projections(text[], integer[]); Type: FUNCTION; Schema: eventsourced; Owner: -

CREATE FUNCTION eventsourced.enter_projections(names text[], generations integer[]) RETURNS boolean
    LANGUAGE plpgsql
    AS $$
begin
  perform pg_advisory_xact_lock_shared('"eventsourced".projections'::regclass::int, "eventsourced".projection_lock(p.name))
  from (select distinct n.name from unnest(names) as n (name)) p;
  -- This statement comes after the locks and has its own snapshot, so it sees a rebuild that has just committed.
  return not exists (
    select from unnest(names, generations) as asked (name, generation)
    left join "eventsourced".projections p on p.name = asked.name
    where asked.generation <> coalesce(p.generation, 0)
  );
end
$$;

-- Name: forget_workers(text); Type: FUNCTION; Schema: eventsourced; Owner: -

CREATE FUNCTION eventsourced.forget_workers(of_place text) RETURNS void
    LANGUAGE plpgsql
    AS $$
begin
  delete from "eventsourced".workers w
  using (
    select w.worker from "eventsourced".workers w where w.place = of_place order by w.worker for update skip locked
  ) idle
  where w.place = of_place and w.worker = idle.worker;
end
$$;

-- Name: frontier(); Type: FUNCTION; Schema: eventsourced; Owner: -

CREATE FUNCTION eventsourced.frontier() RETURNS bigint
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
declare
  _head bigint;
  _marked bigint;
begin
  if pg_is_in_recovery() then
    raise exception 'a replica does not know the running writers' using errcode = 'ES003';
  end if;
  -- Step 1: read the head of the log.
  _head := coalesce(pg_sequence_last_value('"eventsourced".event_positions'::regclass), 0);
  -- Step 2: read the lowest marker of a running writer.
  select min(m.marked_position) into _marked from "eventsourced".writer_markers m;
  return least(_head, coalesce(_marked, _head));
end
$$;

-- Name: frontier_after(bigint); Type: FUNCTION; Schema: eventsourced; Owner: -

CREATE FUNCTION eventsourced.frontier_after(after bigint) RETURNS bigint
    LANGUAGE plpgsql
    SET enable_seqscan TO 'off'
    SET enable_bitmapscan TO 'off'
    AS $$
declare
  _head bigint := coalesce(pg_sequence_last_value('"eventsourced".event_positions'::regclass), 0);
begin
  if after < _head - 100 or pg_is_in_recovery() then
    return "eventsourced".frontier();
  end if;
  -- This statement takes its snapshot after the head was read.
  if after < _head
    and (select count(*) from "eventsourced".events e where e.position > after and e.position <= _head) < _head - after
  then
    return "eventsourced".frontier();
  end if;
  return _head;
end
$$;

-- Name: has_type_index(); Type: FUNCTION; Schema: eventsourced; Owner: -

CREATE FUNCTION eventsourced.has_type_index() RETURNS boolean
    LANGUAGE plpgsql STABLE
    SET plan_cache_mode TO 'force_generic_plan'
    AS $$
begin
  return exists (
    select
    from pg_index i
    join pg_class c on c.oid = i.indexrelid
    join pg_am m on m.oid = c.relam and m.amname = 'btree'
    join pg_attribute t on t.attrelid = i.indrelid and t.attnum = i.indkey[0] and t.attname = 'type'
    join pg_attribute p on p.attrelid = i.indrelid and p.attnum = i.indkey[1] and p.attname = 'position'
    join pg_opclass o on o.oid = i.indclass[0] and o.opcdefault
    where i.indrelid = '"eventsourced".events'::regclass
      -- `create index concurrently` makes an index valid when it is complete.
      and i.indisvalid
      and not i.indcheckxmin
      and i.indpred is null
      and i.indnkeyatts >= 2
      and i.indcollation[0] = t.attcollation
      and (i.indoption[0], i.indoption[1]) = (0, 0)
  );
end
$$;

-- Name: import_events(text[], integer[], timestamp with time zone[], timestamp with time zone[], integer[], integer[], uuid[], text[], text[], text[], text[], timestamp with time zone[], boolean, boolean, text[], integer[], text); Type: FUNCTION; Schema: eventsourced; Owner: -

CREATE FUNCTION eventsourced.import_events(stream_ids text[], event_counts integer[], earliest timestamp with time zone[], latest timestamp with time zone[], owners integer[], nths integer[], event_ids uuid[], types text[], data text[], metadata text[], tags text[], recorded_ats timestamp with time zone[], clamp_times boolean, sift boolean, inline_names text[], inline_versions integer[], lock_timeout text, OUT imported integer, OUT after bigint, OUT stream_id text, OUT event_id uuid, OUT recorded_at timestamp with time zone, OUT previous_at timestamp with time zone) RETURNS record
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET enable_seqscan TO 'off'
    SET enable_bitmapscan TO 'off'
    SET enable_hashjoin TO 'off'
    SET enable_mergejoin TO 'off'
    SET jit TO 'off'
    AS $$
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
    insert into "eventsourced".streams (stream_key, stream_id, version, created_at)
    select nextval('"eventsourced".stream_keys'), s.id, 0, _now
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
      cross join lateral (select * from "eventsourced".streams s where s.stream_id = a.id for update) s
    ) l;

    if sift
      or exists (
        select from "eventsourced".events r where r.event_id in (event_ids[1], event_ids[cardinality(event_ids)])
      )
      or exists (select from unnest(earliest, _last) as s (earliest, last) where s.earliest < s.last)
    then
      select s.stream_id, r.event_id into stream_id, event_id
      from unnest(owners, event_ids) as e (owner, event_id)
      cross join lateral (select * from "eventsourced".events r where r.event_id = e.event_id limit 1) r
      join "eventsourced".streams s on s.stream_key = r.stream_key
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
        where not exists (select from "eventsourced".events r where r.event_id = e.event_id)
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

    perform "eventsourced".mark_writer(inline_names, inline_versions);
    with inserted as (
      insert into "eventsourced".events as n
        (position, stream_key, version, recorded_at, event_id, type, data, metadata, tags)
      select
        nextval('"eventsourced".event_positions'),
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
      insert into "eventsourced".imports (first_position, last_position, latest, imported_at)
      values (_first_position, _last_position, _latest, clock_timestamp());
    elsif imported > 0 then
      -- Other transactions have taken positions in between.
      insert into "eventsourced".imports (first_position, last_position, latest, imported_at)
      select min(i.position), max(i.position), max(i.recorded_at), clock_timestamp()
      from (
        select e.position, e.recorded_at, e.position - row_number() over (order by e.position) as run
        from unnest(event_ids) as own (event_id)
        join "eventsourced".events e on e.event_id = own.event_id
        where e.position >= _first_position
      ) i
      group by i.run;
    end if;

    update "eventsourced".streams s
    set version = s.version + m.event_count,
        last_recorded_at = greatest(coalesce(m.latest, _now), s.last_recorded_at)
    from unnest(_stream_keys, event_counts, latest) as m (stream_key, event_count, latest)
    where s.stream_key = m.stream_key and m.event_count > 0;
  exception when sqlstate 'ES002' then
    -- The exception has rolled back the block. The output parameters keep their values.
    return;
  end;
end
$$;

-- Name: is_expected(bigint, bigint); Type: FUNCTION; Schema: eventsourced; Owner: -

CREATE FUNCTION eventsourced.is_expected(expected_version bigint, version bigint) RETURNS boolean
    LANGUAGE sql IMMUTABLE
    AS $$
  select case
    when expected_version is null then true
    when expected_version = -1 then version is null
    when expected_version = -2 then version is not null
    else coalesce(version, 0) = expected_version
  end
$$;

-- Name: keep_leases(text[], text[], integer[], text[], integer[]); Type: FUNCTION; Schema: eventsourced; Owner: -

CREATE FUNCTION eventsourced.keep_leases(names text[], places text[], versions integer[], by_workers text[], milliseconds integer[]) RETURNS TABLE(beat integer, kind text, share integer, is_paused boolean, partitions integer, skip text, parked_requests bigint, leased text, tokens text, positions text)
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET plan_cache_mode TO 'force_generic_plan'
    SET enable_seqscan TO 'off'
    SET enable_bitmapscan TO 'off'
    SET enable_hashjoin TO 'off'
    SET enable_mergejoin TO 'off'
    SET jit TO 'off'
    AS $$
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
    insert into "eventsourced".workers as w (place, worker, alive_until, joined_at)
    select b.place, b.worker, _now + b.longest * interval '1 millisecond', _now
    from (
      select b.place collate "C" as place, b.worker collate "C" as worker, max(b.longest) as longest
      from unnest(names, places, versions, by_workers, milliseconds) as b (name, place, version, worker, longest)
      join "eventsourced".subscriptions s on s.name = b.name
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
    delete from "eventsourced".workers w
    using (
      select w.place, w.worker
      from unnest(places, by_workers) as b (place, worker)
      cross join lateral (
        select w.place, w.worker from "eventsourced".workers w
        where w.place = b.place and w.worker = b.worker
        for update skip locked
      ) w
      where not exists (
        select from unnest(_places, _workers) as a (place, worker) where a.place = b.place and a.worker = b.worker
      )
    ) gone
    where w.place = gone.place and w.worker = gone.worker;
  end if;

  delete from "eventsourced".workers w
  using (
    select w.place, w.worker
    from (select distinct a.place from unnest(_places) as a (place)) p
    cross join lateral (
      select w.place, w.worker from "eventsourced".workers w
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
      select c.place, c.partition from "eventsourced".checkpoints c
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
    join "eventsourced".subscriptions s on s.name = b.name
    join "eventsourced".workers w on w.place = b.place and w.worker = b.worker
    cross join lateral (select count(*) as members from "eventsourced".workers o where o.place = w.place) m
    cross join lateral (
      select count(*) as held from "eventsourced".checkpoints c where c.place = w.place and c.owner = w.worker
    ) h
    where s.place = b.place and coalesce(s.version, 0) <= b.version and not s.is_paused
  ) l
  where l.lacking > 0;

  if _short_places is not null then
    -- `skip locked` skips leases that another worker is taking, or whose owner is about to commit.
    select array_agg(c.place), array_agg(c.partition)
    into _free_places, _free_partitions
    from (
      select n.place, sum(n.lacking) as lacking
      from unnest(_short_places, _lacking) as n (place, lacking)
      group by n.place
    ) n
    cross join lateral (
      select c.place, c.partition from "eventsourced".checkpoints c
      where c.place = n.place
        and (
          c.owner is null
          or not exists (select from "eventsourced".workers w where w.place = c.place and w.worker = c.owner)
        )
      order by c.partition
      limit n.lacking
      for update skip locked
    ) c;
  end if;

  if _free_places is not null then
    -- Gives the first free leases of a place to its first worker, and so on.
    update "eventsourced".checkpoints c set owner = n.worker, token = c.token + 1
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
    join "eventsourced".subscriptions s on s.place = n.place and s.revision = n.revision
    where c.place = f.place and c.partition = f.partition
      -- This statement comes after the locks and has its own snapshot. So it sees an owner that has joined again, and it
      -- sees by the revision that a change of the subscription has committed.
      and (
        c.owner is null
        or not exists (select from "eventsourced".workers w where w.place = c.place and w.worker = c.owner)
      );
  end if;

  -- Removes the skip layers that all checkpoints are beyond.
  select array_agg(s.place)
  into _layered
  from unnest(_places) as a (place)
  cross join lateral (
    select s.place from "eventsourced".subscriptions s
    where s.place = a.place and s.skip is not null
    for no key update skip locked
  ) s;
  if _layered is not null then
    update "eventsourced".subscriptions s set skip = r.skip
    from unnest(_layered) as l (place)
    cross join lateral (select min(c.position) as lowest from "eventsourced".checkpoints c where c.place = l.place) c
    cross join lateral (
      select "eventsourced".layers_above(s.skip, c.lowest) as skip from "eventsourced".subscriptions s where s.place = l.place
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
  left join "eventsourced".subscriptions s on s.name = b.name
  cross join lateral (
    select case
      when s.name is null or s.place <> b.place then 'removed'
      when s.place is null or s.version > b.version then 'superseded'
      else 'kept'
    end as kind
  ) k
  cross join lateral (select count(*) as members from "eventsourced".workers w where w.place = b.place) m
  cross join lateral (
    select
      '[' || string_agg(c.partition::text, ',') || ']' as leased,
      '[' || string_agg(c.token::text, ',') || ']' as tokens,
      '[' || string_agg(c.position::text, ',') || ']' as positions
    from (
      select c.partition, c.token, c.position from "eventsourced".checkpoints c
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
$$;

-- Name: layers_above(json, bigint); Type: FUNCTION; Schema: eventsourced; Owner: -

CREATE FUNCTION eventsourced.layers_above(layers json, of_position bigint) RETURNS json
    LANGUAGE sql IMMUTABLE
    AS $$
  select json_agg(l.layer order by l.number)
  from json_array_elements(layers) with ordinality as l (layer, number)
  where (select max(p.position::bigint) from json_array_elements_text(l.layer) as p (position)) > of_position
$$;

-- Name: leave_subscription(text, text); Type: FUNCTION; Schema: eventsourced; Owner: -

CREATE FUNCTION eventsourced.leave_subscription(of_place text, by_worker text) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET plan_cache_mode TO 'force_generic_plan'
    SET enable_seqscan TO 'off'
    SET enable_bitmapscan TO 'off'
    SET enable_hashjoin TO 'off'
    SET enable_mergejoin TO 'off'
    SET jit TO 'off'
    AS $$
begin
  update "eventsourced".checkpoints c set owner = null
  from (
    select c.partition from "eventsourced".checkpoints c
    where c.place = of_place and c.owner = by_worker
    order by c.partition
    for update
  ) own
  where c.place = of_place and c.partition = own.partition and c.owner = by_worker;
  delete from "eventsourced".workers w where w.place = of_place and w.worker = by_worker;
end
$$;

-- Name: documents; Type: TABLE; Schema: eventsourced; Owner: -

CREATE TABLE eventsourced.documents (
    projection text NOT NULL COLLATE pg_catalog."C",
    generation integer NOT NULL,
    key text NOT NULL COLLATE pg_catalog."C",
    revision bigint NOT NULL,
    "position" bigint NOT NULL,
    state json
)
WITH (fillfactor='85');

-- Name: list_documents(text, text, text, integer); Type: FUNCTION; Schema: eventsourced; Owner: -

CREATE FUNCTION eventsourced.list_documents(projection text, prefix text, after text, max_documents integer) RETURNS SETOF eventsourced.documents
    LANGUAGE sql STABLE
    SET enable_seqscan TO 'off'
    SET enable_bitmapscan TO 'off'
    SET enable_sort TO 'off'
    AS $$
  select d.* from "eventsourced".documents d
  where d.projection = list_documents.projection
    and d.generation = coalesce(
      (select p.generation from "eventsourced".projections p where p.name = list_documents.projection),
      0
    )
    and d.key > list_documents.after
    and d.key >= list_documents.prefix
    and d.key <= list_documents.prefix || repeat(chr(1114111), 128)
    and starts_with(d.key, list_documents.prefix)
    and d.state is not null
  order by d.key
  limit list_documents.max_documents
$$;

-- Name: streams; Type: TABLE; Schema: eventsourced; Owner: -

CREATE TABLE eventsourced.streams (
    stream_key bigint NOT NULL,
    version bigint NOT NULL,
    created_at timestamp with time zone NOT NULL,
    last_recorded_at timestamp with time zone,
    creation_id uuid,
    stream_id text NOT NULL COLLATE pg_catalog."C",
    metadata json
)
WITH (fillfactor='80');

-- Name: list_streams(text, text, integer); Type: FUNCTION; Schema: eventsourced; Owner: -

CREATE FUNCTION eventsourced.list_streams(prefix text, after text, max_streams integer) RETURNS SETOF eventsourced.streams
    LANGUAGE sql STABLE
    SET enable_seqscan TO 'off'
    SET enable_bitmapscan TO 'off'
    SET enable_sort TO 'off'
    AS $$
  select s.* from "eventsourced".streams s
  where s.stream_id > list_streams.after
    and s.stream_id >= list_streams.prefix
    -- The highest possible id with this prefix: ids have at most 512 bytes, and the highest character takes four.
    and s.stream_id <= list_streams.prefix || repeat(chr(1114111), 128)
    and starts_with(s.stream_id, list_streams.prefix)
  order by s.stream_id
  limit list_streams.max_streams
$$;

-- Name: lock_appends(); Type: FUNCTION; Schema: eventsourced; Owner: -

CREATE FUNCTION eventsourced.lock_appends() RETURNS boolean
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET lock_timeout TO '1s'
    AS $$
begin
  perform pg_advisory_xact_lock('"eventsourced".documents'::regclass::int, 0);
  return true;
exception when lock_not_available then
  return false;
end
$$;

-- Name: lock_documents(text[], integer[], text[], text); Type: FUNCTION; Schema: eventsourced; Owner: -

CREATE FUNCTION eventsourced.lock_documents(projections text[], generations integer[], keys text[], lock_timeout text) RETURNS TABLE(place integer, state json, revision bigint, changed_at bigint)
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET plan_cache_mode TO 'force_generic_plan'
    SET enable_seqscan TO 'off'
    SET enable_bitmapscan TO 'off'
    SET enable_hashjoin TO 'off'
    SET enable_mergejoin TO 'off'
    SET jit TO 'off'
    AS $$
declare
  _locked bigint;
  _former text := current_setting('lock_timeout');
begin
  if lock_timeout is not null then
    perform set_config('lock_timeout', lock_documents.lock_timeout, true);
  end if;
  if not "eventsourced".enter_projections(projections, generations) then
    perform set_config('lock_timeout', _former, true);
    place := 0;
    return next;
    return;
  end if;
  loop
    insert into "eventsourced".documents as d (projection, generation, key, revision, position)
    select a.projection, a.generation, a.key, 0, 0
    from (
      select * from unnest(projections, generations, keys) as a (projection, generation, key)
      order by a.projection collate "C", a.generation, a.key collate "C"
    ) a
    where not exists (
      select from "eventsourced".documents d
      where d.projection = a.projection and d.generation = a.generation and d.key = a.key
    )
    on conflict do nothing;

    perform d.key
    from (
      select * from unnest(projections, generations, keys) as a (projection, generation, key)
      order by a.projection collate "C", a.generation, a.key collate "C"
    ) a
    cross join lateral (
      select d.key from "eventsourced".documents d
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
    select * from "eventsourced".documents d
    where d.projection = a.projection and d.generation = a.generation and d.key = a.key and d.state is not null
    limit 1
  ) d;
end
$$;

-- Name: log_page(bigint, bigint, text[], text, text[], integer, integer, boolean, integer, integer, boolean); Type: FUNCTION; Schema: eventsourced; Owner: -

CREATE FUNCTION eventsourced.log_page(after bigint, until bigint, only_types text[], stream_prefix text, only_tags text[], part_index integer, part_count integer, forward boolean, max_events integer, row_size integer, named boolean) RETURNS TABLE(frontier bigint, through bigint, is_full boolean, event_count integer, positions text, versions text, recorded_ats text, event_ids text, types text, data text, metadata text, tags text, stream_keys text, names text)
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET plan_cache_mode TO 'force_generic_plan'
    SET jit TO 'off'
    SET enable_seqscan TO 'off'
    SET enable_bitmapscan TO 'off'
    SET enable_sort TO 'off'
    SET enable_hashjoin TO 'off'
    SET enable_mergejoin TO 'off'
    AS $$
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
  _frontier := case when forward then "eventsourced".frontier_after(after) else "eventsourced".frontier() end;
  until := least(until, _frontier);
  -- Each statement below takes its snapshot after the frontier was read, and the log up to the frontier never changes.
  if _is_filtered then
    -- Skip positions without events first, so that every page passes at least one event.
    if forward then
      select coalesce(min(e.position) - 1, until) into after from "eventsourced".events e where e.position > after;
    else
      select coalesce(max(e.position), after) into until from "eventsourced".events e where e.position <= until;
    end if;
    select * into _found, _reached from "eventsourced".matching_positions(
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
        cross join lateral (select * from "eventsourced".events e where e.position = f.position limit 1) e
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
        from "eventsourced".events e
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
        from "eventsourced".events e
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
      from "eventsourced".streams s
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
      select coalesce(max(e.position), 0) into through from "eventsourced".events e where e.position <= until;
    else
      select coalesce(min(e.position), 0) into through from "eventsourced".events e where e.position > after;
    end if;
  end if;
  return query
  select _frontier, through, is_full, 0, null, null, null, null, null, null, null, null, null, null;
end
$$;

-- Name: mark_writer(text[], integer[]); Type: FUNCTION; Schema: eventsourced; Owner: -

CREATE FUNCTION eventsourced.mark_writer(inline_names text[], inline_versions integer[]) RETURNS void
    LANGUAGE plpgsql
    SET enable_seqscan TO 'off'
    SET enable_bitmapscan TO 'off'
    AS $$
declare
  _head bigint;
  _is_behind boolean;
  _transaction text := pg_current_xact_id()::text;
  _sequence oid := '"eventsourced".event_positions'::regclass;
  _setting text := 'eventsourced.marked_' || _sequence;
  _is_marked boolean := current_setting(_setting, true) is not distinct from _transaction;
  _named bigint;
  _missing text[];
begin
  -- The lock comes before the marker: an append that waits here must not hold readers back.
  if not _is_marked then
    perform pg_advisory_xact_lock_shared('"eventsourced".documents'::regclass::int, 0);
  end if;
  -- This statement comes after the lock and has its own snapshot, so it sees a change that has just committed.
  perform from "eventsourced".projections p where p.mode = 'inline' and p.version > 0;
  if found or cardinality(inline_names) > 0 then
    select count(*) filter (where i.is_named), array_agg(i.name order by i.name) filter (where not i.is_named)
    into _named, _missing
    from (
      select p.name, (p.name, p.version) in (select * from unnest(inline_names, inline_versions)) as is_named
      from "eventsourced".projections p
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
    select h.position, exists (select from "eventsourced".events e where e.position > h.position)
    into _head, _is_behind
    from (select coalesce(pg_sequence_last_value('"eventsourced".event_positions'::regclass), 0) as position offset 0) h;
    if _is_behind then
      raise exception 'the sequence is behind the log' using errcode = 'ES006', detail = json_build_object(
        'schema', '"eventsourced"',
        'head', _head,
        'lastPosition', (select max(e.position) from "eventsourced".events e)
      )::text;
    end if;
    -- The keys are signed, and the bits are those of the OID and of the position. See writer_markers.
    perform pg_advisory_xact_lock_shared(_sequence::int, ((_head << 32) >> 32)::int);
    perform set_config(_setting, _transaction, true);
  end if;
end
$$;

-- Name: matching_positions(bigint, bigint, text[], text, text[], integer, integer, boolean, integer); Type: FUNCTION; Schema: eventsourced; Owner: -

CREATE FUNCTION eventsourced.matching_positions(after bigint, until bigint, only_types text[], stream_prefix text, only_tags text[], part_index integer, part_count integer, forward boolean, most integer, OUT positions bigint[], OUT reached bigint) RETURNS record
    LANGUAGE plpgsql STABLE
    SET plan_cache_mode TO 'force_generic_plan'
    SET jit TO 'off'
    SET enable_seqscan TO 'off'
    SET enable_bitmapscan TO 'off'
    SET enable_sort TO 'off'
    SET enable_hashjoin TO 'off'
    SET enable_mergejoin TO 'off'
    AS $$
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
          filter (where part_count is null or "eventsourced".part_of_stream(s.stream_id, part_count) = part_index),
        count(*),
        coalesce(sum(s.version), 0)
      into _matching_keys, _stream_count, _event_count
      from "eventsourced".list_streams(stream_prefix, '', 301) s;
      if _stream_count <= 300 and _event_count <= 5000 then
        positions := array(
          select e.position
          from unnest(_matching_keys) k (stream_key)
          -- Without "offset 0", the planner could choose a scan of all positions.
          cross join lateral (
            select * from "eventsourced".events e where e.stream_key = k.stream_key order by e.version offset 0
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
    if only_types is not null and "eventsourced".has_type_index() then
      -- If at least every tenth event has one of the types, it is faster to read all events.
      _candidates := "eventsourced".positions_of_types(only_types, after, until, forward, 100);
      _by_index := cardinality(_candidates) < 100 or abs(_candidates[100] - _candidates[1]) > 1000;
    end if;
    if _by_index and not _by_stream and only_tags is null then
      positions := "eventsourced".positions_of_types(only_types, after, until, forward, most);
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
      _candidates := "eventsourced".positions_of_types(only_types, after, until, forward, _size);
      _end := _candidates[_size];
      select array_agg(e.position), array_agg(e.stream_key) into _candidates, _candidate_keys
      from unnest(_candidates) c (position)
      cross join lateral (select * from "eventsourced".events e where e.position = c.position limit 1) e
      where only_tags is null or e.tags @> only_tags;
    else
      _end := case
        when forward and after + _size < until then after + _size
        when not forward and until - _size > after then until - _size + 1
      end;
      select array_agg(e.position), array_agg(e.stream_key) into _candidates, _candidate_keys
      from "eventsourced".events e
      where e.position > case when forward then after else coalesce(_end - 1, after) end
        and e.position <= case when forward then coalesce(_end, until) else until end
        and (only_types is null or e.type = any (only_types))
        and (only_tags is null or e.tags @> only_tags);
    end if;

    if _by_stream then
      _matching_keys := "eventsourced".matching_streams(_candidate_keys, stream_prefix, part_index, part_count);
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
        select max(e.position) into reached from "eventsourced".events e where e.position <= _end;
      else
        select min(e.position) into reached from "eventsourced".events e where e.position >= _end;
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
$$;

-- Name: matching_streams(bigint[], text, integer, integer); Type: FUNCTION; Schema: eventsourced; Owner: -

CREATE FUNCTION eventsourced.matching_streams(stream_keys bigint[], stream_prefix text, part_index integer, part_count integer) RETURNS bigint[]
    LANGUAGE plpgsql STABLE
    SET plan_cache_mode TO 'force_generic_plan'
    SET enable_seqscan TO 'off'
    SET enable_bitmapscan TO 'off'
    SET enable_sort TO 'off'
    AS $$
declare
  _distinct constant bigint[] := array(select distinct k.stream_key from unnest(stream_keys) k (stream_key));
  _found int;
  _matching bigint[];
begin
  select
    array_agg(s.stream_key) filter (
      where (stream_prefix is null or starts_with(s.stream_id, stream_prefix))
        and (part_count is null or "eventsourced".part_of_stream(s.stream_id, part_count) = part_index)
    ),
    count(*)
  into _matching, _found
  from "eventsourced".streams s
  where s.stream_key = any (_distinct);
  if _found < cardinality(_distinct) then
    _matching := _matching || array(
      select k.stream_key
      from unnest(_distinct) k (stream_key)
      where not exists (select from "eventsourced".streams s where s.stream_key = k.stream_key offset 0)
    );
  end if;
  return _matching;
end
$$;

-- Name: move_checkpoints(text, json, bigint); Type: FUNCTION; Schema: eventsourced; Owner: -

CREATE FUNCTION eventsourced.move_checkpoints(of_subscription text, to_definition json, to_position bigint) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET plan_cache_mode TO 'force_generic_plan'
    SET enable_seqscan TO 'off'
    SET enable_bitmapscan TO 'off'
    SET enable_hashjoin TO 'off'
    SET enable_mergejoin TO 'off'
    SET jit TO 'off'
    AS $$
declare
  _place text;
begin
  perform "eventsourced".create_subscription(of_subscription, to_definition, to_position, null);
  select s.place into _place from "eventsourced".subscriptions s where s.name = of_subscription for update;
  if _place is null then
    -- A successor has taken over its place, so the subscription gets a new one.
    _place := gen_random_uuid()::text;
    update "eventsourced".subscriptions s
    set place = _place, successor = null, partitions = (to_definition ->> 'partitions')::int
    where s.name = of_subscription;
    perform "eventsourced".set_partitions(_place, (to_definition ->> 'partitions')::int, to_position, 0);
  end if;
  perform "eventsourced".divide_partitions(_place, null, to_position);
  delete from "eventsourced".parked_events p where p.place = _place and p.position <= to_position;
  update "eventsourced".subscriptions s
  set definition = to_definition,
    kind = to_definition ->> 'kind',
    version = (to_definition ->> 'version')::int,
    parked_requests = s.parked_requests + 1,
    revision = s.revision + 1
  where s.name = of_subscription;
end
$$;

-- Name: park_events(text, integer, bigint, bigint, bigint[], text[], uuid[], text[], text[], integer[], text[], text[]); Type: FUNCTION; Schema: eventsourced; Owner: -

CREATE FUNCTION eventsourced.park_events(of_place text, of_partition integer, of_token bigint, to_position bigint, positions bigint[], stream_ids text[], event_ids uuid[], types text[], states text[], failures integer[], errors text[], stacks text[]) RETURNS boolean
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
begin
  if not "eventsourced".advance_checkpoint(of_place, of_partition, of_token, to_position) then
    return false;
  end if;
  insert into "eventsourced".parked_events as p
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
$$;

-- Name: parked_events; Type: TABLE; Schema: eventsourced; Owner: -

CREATE TABLE eventsourced.parked_events (
    place text CONSTRAINT parked_events_subscription_not_null NOT NULL COLLATE pg_catalog."C",
    "position" bigint NOT NULL,
    partition integer NOT NULL,
    stream_id text NOT NULL COLLATE pg_catalog."C",
    event_id uuid NOT NULL,
    type text NOT NULL COLLATE pg_catalog."C",
    state text NOT NULL,
    failures integer NOT NULL,
    error text NOT NULL,
    stack text,
    parked_at timestamp with time zone NOT NULL,
    CONSTRAINT parked_events_state_check CHECK ((state = ANY (ARRAY['parked'::text, 'blocked'::text, 'retrying'::text])))
);

-- Name: parked_to_handle(text, integer, bigint); Type: FUNCTION; Schema: eventsourced; Owner: -

CREATE FUNCTION eventsourced.parked_to_handle(of_place text, of_partition integer, most bigint) RETURNS SETOF eventsourced.parked_events
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET plan_cache_mode TO 'force_generic_plan'
    SET enable_seqscan TO 'off'
    SET enable_bitmapscan TO 'off'
    SET enable_hashjoin TO 'off'
    SET enable_mergejoin TO 'off'
    SET jit TO 'off'
    AS $$
begin
  return query
  with recursive blocked as (
    (
      select p.stream_id, p.position from "eventsourced".parked_events p
      where p.place = of_place and p.partition = of_partition and p.state = 'blocked'
      order by p.stream_id, p.position
      limit 1
    )
    union all
    select next.stream_id, next.position
    from blocked b
    cross join lateral (
      select p.stream_id, p.position from "eventsourced".parked_events p
      where p.place = of_place and p.partition = of_partition and p.state = 'blocked'
        and p.stream_id > b.stream_id
      order by p.stream_id, p.position
      limit 1
    ) next
  ),
  due as (
    select b.position from blocked b
    where b.position = (
      select p.position from "eventsourced".parked_events p
      where p.place = of_place and p.stream_id = b.stream_id
      order by p.position
      limit 1
    )
    union all
    (
      select p.position from "eventsourced".parked_events p
      where p.place = of_place and p.partition = of_partition and p.state = 'retrying'
      order by p.position
      limit most
    )
  ),
  first as (select d.position from due d order by d.position limit most)
  select p.*
  from first f
  -- `offset 0` keeps the condition on the position inside. Without it, statistics of a small table can make it a filter
  -- of the join, behind a read of all parked events of the subscription.
  cross join lateral (
    select * from "eventsourced".parked_events p
    where p.place = of_place and p.position = f.position
    offset 0
  ) p
  order by f.position;
end
$$;

-- Name: part_of_stream(text, integer); Type: FUNCTION; Schema: eventsourced; Owner: -

CREATE FUNCTION eventsourced.part_of_stream(stream_id text, part_count integer) RETURNS integer
    LANGUAGE sql IMMUTABLE
    AS $$
  select ((('x' || left(md5(stream_id), 8))::bit(32)::bigint & 4294967295) % part_count)::int
$$;

-- Name: pause_subscription(text, boolean, text); Type: FUNCTION; Schema: eventsourced; Owner: -

CREATE FUNCTION eventsourced.pause_subscription(of_subscription text, to_paused boolean, lock_timeout text) RETURNS boolean
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
begin
  if lock_timeout is not null then
    perform set_config('lock_timeout', pause_subscription.lock_timeout, true);
  end if;
  update "eventsourced".subscriptions s set is_paused = to_paused, revision = s.revision + 1
  where s.name = of_subscription and s.place is not null and s.is_paused <> to_paused;
  return exists (select from "eventsourced".subscriptions s where s.name = of_subscription and s.place is not null);
end
$$;

-- Name: position_before(timestamp with time zone, bigint); Type: FUNCTION; Schema: eventsourced; Owner: -

CREATE FUNCTION eventsourced.position_before(recorded_at timestamp with time zone, after bigint, OUT "position" bigint, OUT is_found boolean) RETURNS record
    LANGUAGE plpgsql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET plan_cache_mode TO 'force_generic_plan'
    SET jit TO 'off'
    SET enable_seqscan TO 'off'
    SET enable_bitmapscan TO 'off'
    SET enable_sort TO 'off'
    AS $$
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
    select coalesce(max(e.position), 0) into _high from "eventsourced".events e;
    while _after < _high loop
      _middle := (_after + _high) / 2;
      -- The latest time of up to 20 events, because an event whose append waited long for its stream has an earlier time
      -- than its neighbours.
      select max(coalesce(i.imported_at, e.recorded_at)), max(e.position) into _latest, _last
      from (
        select e.position, e.recorded_at from "eventsourced".events e
        where e.position > _middle and e.position <= _high
        order by e.position
        limit 20
      ) e
      left join lateral (
        select * from "eventsourced".imports i where i.last_position >= e.position order by i.last_position limit 1
      ) i on i.first_position <= e.position;
      if _latest < _written_at then
        _after := _last;
      else
        _high := _middle;
      end if;
    end loop;
  end if;

  while _left > 0 loop
    select e.position into _next from "eventsourced".events e where e.position > _after order by e.position limit 1;
    if _next is null then
      select coalesce(max(e.position), 0) into "position" from "eventsourced".events e;
      is_found := true;
      return;
    end if;
    select * into _import from "eventsourced".imports i where i.last_position >= _next order by i.last_position limit 1;
    if _import.first_position <= _next then
      _until := _import.last_position;
      _left := _left - 10;
    else
      _until := least(_next + _left, _import.first_position) - 1;
      _left := _left - (_until - _next + 1);
    end if;
    if _import.first_position > _next or _import.latest >= _time or _import.latest is null then
      select e.position - 1 into "position"
      from "eventsourced".events e
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
$$;

-- Name: positions_of_types(text[], bigint, bigint, boolean, integer); Type: FUNCTION; Schema: eventsourced; Owner: -

CREATE FUNCTION eventsourced.positions_of_types(types text[], after bigint, until bigint, forward boolean, most integer) RETURNS bigint[]
    LANGUAGE plpgsql STABLE
    SET plan_cache_mode TO 'force_generic_plan'
    SET jit TO 'off'
    SET enable_seqscan TO 'off'
    SET enable_bitmapscan TO 'off'
    SET enable_sort TO 'off'
    AS $$
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
        from "eventsourced".events e
        where forward and (e.type, e.position) > (t.type, after) and (e.type, e.position) <= (t.type, until)
        order by e.type, e.position
        limit _each
      )
      union all
      (
        select e.position, row_number() over (order by e.type desc, e.position desc) as place
        from "eventsourced".events e
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
$$;

-- Name: projection_lock(text); Type: FUNCTION; Schema: eventsourced; Owner: -

CREATE FUNCTION eventsourced.projection_lock(name text) RETURNS integer
    LANGUAGE sql IMMUTABLE
    AS $$
  select hashtext('eventsourced.eventsourced projection ' || name)
$$;

-- Name: protect_events(); Type: FUNCTION; Schema: eventsourced; Owner: -

CREATE FUNCTION eventsourced.protect_events() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
begin
  raise exception 'events are never changed (% on %)', tg_op, tg_table_name using errcode = 'ES004';
end
$$;

-- Name: read_streams(text[], bigint[], bigint[], timestamp with time zone[], bigint[], boolean[]); Type: FUNCTION; Schema: eventsourced; Owner: -

CREATE FUNCTION eventsourced.read_streams(stream_ids text[], first_versions bigint[], last_versions bigint[], as_ofs timestamp with time zone[], mosts bigint[], backwards boolean[]) RETURNS TABLE(place integer, stream_version bigint, lower_version bigint, upper_version bigint, event_count integer, positions character varying, versions character varying, recorded_ats character varying, event_ids character varying, types character varying, fitting integer, data character varying, metadata character varying, tags character varying)
    LANGUAGE plpgsql STABLE
    SET plan_cache_mode TO 'force_generic_plan'
    SET enable_seqscan TO 'off'
    SET enable_bitmapscan TO 'off'
    SET enable_hashjoin TO 'off'
    SET enable_mergejoin TO 'off'
    SET enable_sort TO 'off'
    SET jit TO 'off'
    AS $$
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
          else "eventsourced".version_as_of(s.stream_key, asked.as_of, least(asked.last_version, s.version))
        end as version
      from "eventsourced".streams s
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
      select *, pg_column_size(e.data) + coalesce(pg_column_size(e.metadata), 0) as size from "eventsourced".events e
      where e.stream_key = part.stream_key
        and e.version between part.lower_version and part.upper_version
      order by e.version
      limit 100
    ) e
  ) columns;
end
$$;

-- Name: recorded_owners(integer[], uuid[]); Type: FUNCTION; Schema: eventsourced; Owner: -

CREATE FUNCTION eventsourced.recorded_owners(owners integer[], event_ids uuid[]) RETURNS integer[]
    LANGUAGE sql STABLE
    SET enable_seqscan TO 'off'
    SET enable_hashjoin TO 'off'
    SET enable_mergejoin TO 'off'
    AS $$
  select coalesce(array_agg(distinct o.owner), '{}')
  from unnest(recorded_owners.owners, recorded_owners.event_ids) as o (owner, event_id)
  join "eventsourced".events e on e.event_id = o.event_id
$$;

-- Name: register_projections(text[], integer[], text[]); Type: FUNCTION; Schema: eventsourced; Owner: -

CREATE FUNCTION eventsourced.register_projections(names text[], versions integer[], modes text[]) RETURNS TABLE(place integer, version integer, generation integer, mode text)
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET lock_timeout TO '1s'
    AS $$
declare
  _is_log_empty boolean := false;
begin
  if exists (
    select from unnest(names, modes) as n (name, mode)
    where n.mode = 'inline' and not exists (select from "eventsourced".projections p where p.name = n.name)
  )
    and not exists (select from "eventsourced".events)
  then
    perform pg_advisory_xact_lock('"eventsourced".documents'::regclass::int, 0);
    _is_log_empty := not exists (select from "eventsourced".events);
  end if;
  insert into "eventsourced".projections as p (name, version, generation, mode, last_generation)
  select n.name, n.version, 1, n.mode, 1
  from unnest(names, versions, modes) as n (name, version, mode)
  where n.mode = 'async' or _is_log_empty
  order by n.name collate "C"
  on conflict do nothing;
  return query
  select n.place::int, p.version, p.generation, p.mode
  from unnest(names) with ordinality as n (name, place)
  join "eventsourced".projections p on p.name = n.name;
end
$$;

-- Name: release_lease(text, integer, bigint); Type: FUNCTION; Schema: eventsourced; Owner: -

CREATE FUNCTION eventsourced.release_lease(of_place text, of_partition integer, of_token bigint) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
begin
  update "eventsourced".checkpoints c set owner = null
  where c.place = of_place and c.partition = of_partition and c.token = of_token;
end
$$;

-- Name: release_leases(text[], integer[], bigint[]); Type: FUNCTION; Schema: eventsourced; Owner: -

CREATE FUNCTION eventsourced.release_leases(places text[], partitions integer[], tokens bigint[]) RETURNS SETOF integer
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET plan_cache_mode TO 'force_generic_plan'
    SET enable_seqscan TO 'off'
    SET enable_bitmapscan TO 'off'
    SET enable_hashjoin TO 'off'
    SET enable_mergejoin TO 'off'
    SET jit TO 'off'
    AS $$
begin
  return query
  with released as (
    update "eventsourced".checkpoints c set owner = null
    from unnest(places, partitions, tokens) with ordinality as l (place, partition, token, number)
    cross join lateral (
      select c.place, c.partition from "eventsourced".checkpoints c
      where c.place = l.place and c.partition = l.partition and c.token = l.token and c.owner is not null
      for update skip locked
    ) held
    where c.place = held.place and c.partition = held.partition
    returning l.number
  )
  select l.number::int
  from unnest(places, partitions, tokens) with ordinality as l (place, partition, token, number)
  join "eventsourced".checkpoints c
    on c.place = l.place and c.partition = l.partition and c.token = l.token and c.owner is not null
  where not exists (select from released r where r.number = l.number);
end
$$;

-- Name: remove_subscription(text, text, bigint, boolean, text); Type: FUNCTION; Schema: eventsourced; Owner: -

CREATE FUNCTION eventsourced.remove_subscription(of_subscription text, at_place text, at_revision bigint, is_retry boolean, lock_timeout text) RETURNS boolean
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET plan_cache_mode TO 'force_generic_plan'
    SET enable_seqscan TO 'off'
    SET enable_bitmapscan TO 'off'
    SET enable_hashjoin TO 'off'
    SET enable_mergejoin TO 'off'
    SET jit TO 'off'
    AS $$
declare
  _place text;
  _revision bigint;
begin
  if lock_timeout is not null then
    perform set_config('lock_timeout', remove_subscription.lock_timeout, true);
  end if;
  select s.place, s.revision into _place, _revision
  from "eventsourced".subscriptions s where s.name = of_subscription for update;
  if not found then
    return is_retry;
  end if;
  if _place is distinct from at_place or _revision <> at_revision then
    -- Another subscription with the same name has been registered since.
    return is_retry and _place is distinct from at_place and at_place is not null and not exists (
      select from "eventsourced".subscriptions s where s.place = at_place
    );
  end if;
  perform from "eventsourced".checkpoints c where c.place = at_place order by c.partition for update;
  delete from "eventsourced".checkpoints c where c.place = at_place;
  delete from "eventsourced".parked_events p where p.place = at_place;
  delete from "eventsourced".subscriptions s where s.name = of_subscription;
  -- Deletes the workers last, because their heartbeats wait for these rows until the commit.
  delete from "eventsourced".workers w
  using (
    select w.worker from "eventsourced".workers w where w.place = at_place order by w.worker for update
  ) own
  where w.place = at_place and w.worker = own.worker;
  return true;
end
$$;

-- Name: retry_parked(text, bigint[], text); Type: FUNCTION; Schema: eventsourced; Owner: -

CREATE FUNCTION eventsourced.retry_parked(of_subscription text, positions bigint[], lock_timeout text) RETURNS bigint[]
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET plan_cache_mode TO 'force_generic_plan'
    SET enable_seqscan TO 'off'
    SET enable_bitmapscan TO 'off'
    SET enable_hashjoin TO 'off'
    SET enable_mergejoin TO 'off'
    SET jit TO 'off'
    AS $$
declare
  _place text;
begin
  if lock_timeout is not null then
    perform set_config('lock_timeout', retry_parked.lock_timeout, true);
  end if;
  -- This lock excludes other calls on parked events, and changes of the subscription, until the commit.
  select s.place into _place from "eventsourced".subscriptions s where s.name = of_subscription for update;
  update "eventsourced".parked_events p set state = 'retrying'
  from (
    select p.position from (select distinct a.position from unnest(positions) as a (position) order by 1) a
    cross join lateral (
      select p.position from "eventsourced".parked_events p
      where p.place = _place and p.position = a.position and p.state = 'parked'
      for update
    ) p
  ) parked
  where p.place = _place and p.position = parked.position and p.state = 'parked';
  if found then
    update "eventsourced".subscriptions s set parked_requests = s.parked_requests + 1 where s.name = of_subscription;
  end if;
  return (
    select array_agg(p.position)
    from (select distinct a.position from unnest(positions) as a (position)) a
    join "eventsourced".parked_events p on p.place = _place and p.position = a.position
  );
end
$$;

-- Name: sees_own_marker(); Type: FUNCTION; Schema: eventsourced; Owner: -

CREATE FUNCTION eventsourced.sees_own_marker() RETURNS boolean
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
declare
  _events oid := '"eventsourced".events'::regclass;
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
$$;

-- Name: set_partitions(text, integer, bigint, bigint); Type: FUNCTION; Schema: eventsourced; Owner: -

CREATE FUNCTION eventsourced.set_partitions(of_place text, to_partitions integer, to_position bigint, to_token bigint) RETURNS void
    LANGUAGE plpgsql
    AS $$
begin
  delete from "eventsourced".checkpoints c where c.place = of_place and c.partition >= to_partitions;
  insert into "eventsourced".checkpoints as c (place, partition, position, token)
  select of_place, p.partition, to_position, to_token
  from generate_series(0, to_partitions - 1) as p (partition)
  on conflict on constraint checkpoints_pkey do update
  set position = excluded.position, token = excluded.token, owner = null;
end
$$;

-- Name: set_projection(text, integer, integer, text); Type: FUNCTION; Schema: eventsourced; Owner: -

CREATE FUNCTION eventsourced.set_projection(of_projection text, to_version integer, to_generation integer, in_mode text) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
begin
  insert into "eventsourced".projections as p (name, version, generation, mode, last_generation)
  values (of_projection, to_version, to_generation, in_mode, to_generation)
  on conflict (name) do update
  set version = excluded.version, generation = excluded.generation, mode = excluded.mode,
    building_version = null, building_generation = null;
end
$$;

-- Name: skip_parked(text, bigint[], text); Type: FUNCTION; Schema: eventsourced; Owner: -

CREATE FUNCTION eventsourced.skip_parked(of_subscription text, positions bigint[], lock_timeout text) RETURNS bigint[]
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET plan_cache_mode TO 'force_generic_plan'
    SET enable_seqscan TO 'off'
    SET enable_bitmapscan TO 'off'
    SET enable_hashjoin TO 'off'
    SET enable_mergejoin TO 'off'
    SET jit TO 'off'
    AS $$
declare
  _place text;
  _skipped bigint[];
begin
  if lock_timeout is not null then
    perform set_config('lock_timeout', skip_parked.lock_timeout, true);
  end if;
  -- This lock excludes other calls on parked events, and changes of the subscription, until the commit.
  select s.place into _place from "eventsourced".subscriptions s where s.name = of_subscription for update;
  with skipped as (
    delete from "eventsourced".parked_events p
    using (
      select p.position from (select distinct a.position from unnest(positions) as a (position) order by 1) a
      cross join lateral (
        select p.position from "eventsourced".parked_events p
        where p.place = _place and p.position = a.position
        for update
      ) p
    ) parked
    where p.place = _place and p.position = parked.position
    returning p.position
  )
  select array_agg(s.position) into _skipped from skipped s;
  if _skipped is not null then
    update "eventsourced".subscriptions s set parked_requests = s.parked_requests + 1 where s.name = of_subscription;
  end if;
  return _skipped;
end
$$;

-- Name: stream_names(bigint[]); Type: FUNCTION; Schema: eventsourced; Owner: -

CREATE FUNCTION eventsourced.stream_names(stream_keys bigint[]) RETURNS text
    LANGUAGE plpgsql STABLE
    SET plan_cache_mode TO 'force_generic_plan'
    SET enable_seqscan TO 'off'
    SET enable_bitmapscan TO 'off'
    AS $$
begin
  return (
    select json_build_array(array_agg(s.stream_key), array_agg(s.stream_id))
    from "eventsourced".streams s
    where s.stream_key = any (stream_keys)
  );
end
$$;

-- Name: take_over_subscription(text, text, bigint, uuid, text, json, text); Type: FUNCTION; Schema: eventsourced; Owner: -

CREATE FUNCTION eventsourced.take_over_subscription(of_subscription text, at_place text, at_revision bigint, change_id uuid, by_subscription text, of_definition json, lock_timeout text) RETURNS boolean
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET plan_cache_mode TO 'force_generic_plan'
    SET enable_seqscan TO 'off'
    SET enable_bitmapscan TO 'off'
    SET enable_hashjoin TO 'off'
    SET enable_mergejoin TO 'off'
    SET jit TO 'off'
    AS $$
declare
  _current "eventsourced".subscriptions;
begin
  if lock_timeout is not null then
    perform set_config('lock_timeout', take_over_subscription.lock_timeout, true);
  end if;
  select s.* into _current from "eventsourced".subscriptions s where s.name = of_subscription for update;
  if _current.change_id = take_over_subscription.change_id then
    return true;
  end if;
  if (_current.place = at_place and _current.revision = at_revision) is not true then
    return false;
  end if;

  -- Waits for another transaction that registers or removes this name. The row gets the place further below, once the
  -- former subscription has lost it: a place is unique.
  insert into "eventsourced".subscriptions
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
  update "eventsourced".subscriptions s
  set place = null, skip = null, successor = by_subscription, revision = s.revision + 1,
    change_id = take_over_subscription.change_id
  where s.name = of_subscription;
  update "eventsourced".subscriptions s set place = at_place where s.name = by_subscription;

  perform "eventsourced".divide_partitions(at_place, (of_definition ->> 'partitions')::int, null);
  perform "eventsourced".forget_workers(at_place);
  return true;
end
$$;

-- Name: unpark_event(text, integer, bigint, bigint); Type: FUNCTION; Schema: eventsourced; Owner: -

CREATE FUNCTION eventsourced.unpark_event(of_place text, of_partition integer, of_token bigint, at_position bigint) RETURNS boolean
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
begin
  perform from "eventsourced".checkpoints c
  where c.place = of_place and c.partition = of_partition and c.token = of_token and c.owner is not null
  for update;
  if not found then
    return false;
  end if;
  delete from "eventsourced".parked_events p where p.place = of_place and p.position = at_position;
  return true;
end
$$;

-- Name: version_as_of(bigint, timestamp with time zone, bigint); Type: FUNCTION; Schema: eventsourced; Owner: -

CREATE FUNCTION eventsourced.version_as_of(stream_key bigint, as_of timestamp with time zone, last_version bigint) RETURNS bigint
    LANGUAGE plpgsql STABLE
    SET enable_seqscan TO 'off'
    SET enable_bitmapscan TO 'off'
    AS $$
declare
  _low bigint := 0;
  _high bigint := last_version;
  _middle bigint;
  _recorded_at timestamptz;
begin
  while _low < _high loop
    _middle := (_low + _high + 1) / 2;
    select e.recorded_at into strict _recorded_at
    from "eventsourced".events e
    where e.stream_key = version_as_of.stream_key and e.version = _middle;
    if _recorded_at <= as_of then
      _low := _middle;
    else
      _high := _middle - 1;
    end if;
  end loop;
  return _low;
end
$$;

-- Name: write_documents(text[], integer[], text[], json[], bigint[]); Type: FUNCTION; Schema: eventsourced; Owner: -

CREATE FUNCTION eventsourced.write_documents(projections text[], generations integer[], keys text[], states json[], positions bigint[]) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET plan_cache_mode TO 'force_generic_plan'
    SET enable_seqscan TO 'off'
    SET enable_bitmapscan TO 'off'
    SET enable_hashjoin TO 'off'
    SET enable_mergejoin TO 'off'
    SET jit TO 'off'
    AS $$
begin
  insert into "eventsourced".documents as d (projection, generation, key, state, revision, position)
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
    delete from "eventsourced".documents d
    using unnest(projections, generations, keys, states) as w (projection, generation, key, state)
    where w.state is null and d.projection = w.projection and d.generation = w.generation and d.key = w.key;
  end if;
end
$$;

-- Name: checkpoints; Type: TABLE; Schema: eventsourced; Owner: -

CREATE TABLE eventsourced.checkpoints (
    place text CONSTRAINT checkpoints_subscription_not_null NOT NULL COLLATE pg_catalog."C",
    partition integer NOT NULL,
    "position" bigint NOT NULL,
    token bigint DEFAULT 0 NOT NULL,
    owner text COLLATE pg_catalog."C"
)
WITH (fillfactor='50');

-- Name: event_positions; Type: SEQUENCE; Schema: eventsourced; Owner: -

CREATE SEQUENCE eventsourced.event_positions
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;

-- Name: events; Type: TABLE; Schema: eventsourced; Owner: -

CREATE TABLE eventsourced.events (
    "position" bigint NOT NULL,
    stream_key bigint NOT NULL,
    version bigint NOT NULL,
    recorded_at timestamp with time zone NOT NULL,
    event_id uuid NOT NULL,
    type text NOT NULL COLLATE pg_catalog."C",
    data json NOT NULL,
    metadata json,
    tags text[] COLLATE pg_catalog."C"
)
WITH (autovacuum_vacuum_insert_scale_factor='0', autovacuum_vacuum_insert_threshold='500000', autovacuum_freeze_min_age='0');

-- Name: imports; Type: TABLE; Schema: eventsourced; Owner: -

CREATE TABLE eventsourced.imports (
    first_position bigint NOT NULL,
    last_position bigint NOT NULL,
    latest timestamp with time zone NOT NULL,
    imported_at timestamp with time zone NOT NULL
);

-- Name: migrations; Type: TABLE; Schema: eventsourced; Owner: -

CREATE TABLE eventsourced.migrations (
    number integer NOT NULL,
    name text NOT NULL,
    checksum text NOT NULL,
    applied_at timestamp with time zone DEFAULT now() NOT NULL,
    revision integer,
    serves_from integer
);

-- Name: writer_markers; Type: VIEW; Schema: eventsourced; Owner: -

CREATE VIEW eventsourced.writer_markers AS
 SELECT l.pid,
    (h.ceiling - ((h.ceiling - (l.objid)::bigint) & '4294967295'::bigint)) AS marked_position
   FROM (pg_locks l
     CROSS JOIN ( SELECT (COALESCE(pg_sequence_last_value('eventsourced.event_positions'::regclass), (0)::bigint) + 16777216) AS ceiling
         OFFSET 0) h)
  WHERE ((l.locktype = 'advisory'::text) AND (l.mode = 'ShareLock'::text) AND l.granted AND (l.objsubid = 2) AND (l.database = ( SELECT d.oid
           FROM pg_database d
          WHERE (d.datname = current_database()))) AND (l.classid = ('eventsourced.event_positions'::regclass)::oid));

-- Name: monitored_log; Type: VIEW; Schema: eventsourced; Owner: -

CREATE VIEW eventsourced.monitored_log AS
 SELECT h.head,
        CASE
            WHEN (h.head IS NOT NULL) THEN LEAST(h.head, m.marked_position)
            ELSE NULL::bigint
        END AS frontier,
    ( SELECT max(e."position") AS max
           FROM eventsourced.events e) AS last_position,
    ( SELECT e.recorded_at
           FROM eventsourced.events e
          ORDER BY e."position" DESC
         LIMIT 1) AS last_recorded_at,
    m.pid AS held_by,
    m.xact_start AS held_since
   FROM (( SELECT
                CASE
                    WHEN has_sequence_privilege(('eventsourced.event_positions'::regclass)::oid, 'SELECT'::text) THEN COALESCE(pg_sequence_last_value('eventsourced.event_positions'::regclass), (0)::bigint)
                    ELSE NULL::bigint
                END AS head
         OFFSET 0) h
     LEFT JOIN LATERAL ( SELECT w.pid,
            w.marked_position,
            a.xact_start
           FROM (eventsourced.writer_markers w
             LEFT JOIN pg_stat_activity a ON ((a.pid = w.pid)))
          ORDER BY w.marked_position
         LIMIT 1) m ON (true));

-- Name: workers; Type: TABLE; Schema: eventsourced; Owner: -

CREATE TABLE eventsourced.workers (
    place text CONSTRAINT workers_subscription_not_null NOT NULL COLLATE pg_catalog."C",
    worker text NOT NULL COLLATE pg_catalog."C",
    alive_until timestamp with time zone NOT NULL,
    joined_at timestamp with time zone DEFAULT now() NOT NULL
)
WITH (fillfactor='50');

-- Name: monitored_subscriptions; Type: VIEW; Schema: eventsourced; Owner: -

CREATE VIEW eventsourced.monitored_subscriptions AS
 SELECT s.name AS subscription,
    c.partition,
    c."position",
    GREATEST((l.last_position - c."position"), (0)::bigint) AS positions_behind,
    ( SELECT e.recorded_at
           FROM eventsourced.events e
          WHERE (e."position" > c."position")
          ORDER BY e."position"
         LIMIT 1) AS waiting_since,
        CASE
            WHEN (EXISTS ( SELECT
               FROM eventsourced.workers w
              WHERE ((w.place = c.place) AND (w.worker = c.owner) AND (w.alive_until > clock_timestamp())))) THEN c.owner
            ELSE NULL::text
        END AS owner,
    ( SELECT count(*) AS count
           FROM eventsourced.parked_events p
          WHERE ((p.place = c.place) AND (p.partition = c.partition))) AS parked,
    s.is_paused,
    s.kind,
    s.version
   FROM ((eventsourced.subscriptions s
     JOIN eventsourced.checkpoints c ON ((c.place = s.place)))
     CROSS JOIN ( SELECT COALESCE(max(e."position"), (0)::bigint) AS last_position
           FROM eventsourced.events e) l);

-- Name: monitored_tables; Type: VIEW; Schema: eventsourced; Owner: -

CREATE VIEW eventsourced.monitored_tables AS
 SELECT (c.relname)::text AS "table",
    (GREATEST(c.reltuples, (0)::real))::bigint AS rows,
    pg_table_size((c.oid)::regclass) AS table_bytes,
    pg_indexes_size((c.oid)::regclass) AS index_bytes,
    s.n_dead_tup AS dead_rows,
    s.n_ins_since_vacuum AS inserted_since_vacuum,
    GREATEST(s.last_vacuum, s.last_autovacuum) AS vacuumed_at,
    round(((GREATEST(age(c.relfrozenxid), age(t.relfrozenxid)))::numeric / (current_setting('autovacuum_freeze_max_age'::text))::numeric), 3) AS freeze_age
   FROM ((pg_class c
     LEFT JOIN pg_class t ON ((t.oid = c.reltoastrelid)))
     LEFT JOIN pg_stat_all_tables s ON ((s.relid = c.oid)))
  WHERE ((c.relnamespace = (to_regnamespace('"eventsourced"'::text))::oid) AND (c.relkind = 'r'::"char"));

-- Name: projections; Type: TABLE; Schema: eventsourced; Owner: -

CREATE TABLE eventsourced.projections (
    name text NOT NULL COLLATE pg_catalog."C",
    version integer NOT NULL,
    generation integer NOT NULL,
    mode text NOT NULL,
    building_version integer,
    building_generation integer,
    last_generation integer NOT NULL,
    CONSTRAINT projections_mode_check CHECK ((mode = ANY (ARRAY['inline'::text, 'async'::text])))
);

-- Name: recorded_events; Type: VIEW; Schema: eventsourced; Owner: -

CREATE VIEW eventsourced.recorded_events AS
 SELECT e."position",
    s.stream_id,
    e.version,
    e.type,
    e.data,
    e.metadata,
    e.tags,
    e.event_id,
    e.recorded_at
   FROM (eventsourced.events e
     JOIN eventsourced.streams s USING (stream_key));

-- Name: stream_keys; Type: SEQUENCE; Schema: eventsourced; Owner: -

CREATE SEQUENCE eventsourced.stream_keys
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;

-- Name: views; Type: VIEW; Schema: eventsourced; Owner: -

CREATE VIEW eventsourced.views AS
 SELECT d.projection,
    d.key,
    d.state,
    d.revision,
    d."position"
   FROM (eventsourced.documents d
     LEFT JOIN eventsourced.projections p ON ((p.name = d.projection)))
  WHERE ((d.generation = COALESCE(p.generation, 0)) AND (d.state IS NOT NULL));

-- Name: checkpoints checkpoints_pkey; Type: CONSTRAINT; Schema: eventsourced; Owner: -

ALTER TABLE ONLY eventsourced.checkpoints
    ADD CONSTRAINT checkpoints_pkey PRIMARY KEY (place, partition);

-- Name: documents documents_pkey; Type: CONSTRAINT; Schema: eventsourced; Owner: -

ALTER TABLE ONLY eventsourced.documents
    ADD CONSTRAINT documents_pkey PRIMARY KEY (projection, generation, key);

-- Name: events events_event_id_key; Type: CONSTRAINT; Schema: eventsourced; Owner: -

ALTER TABLE ONLY eventsourced.events
    ADD CONSTRAINT events_event_id_key UNIQUE (event_id);

-- Name: events events_pkey; Type: CONSTRAINT; Schema: eventsourced; Owner: -

ALTER TABLE ONLY eventsourced.events
    ADD CONSTRAINT events_pkey PRIMARY KEY ("position");

-- Name: events events_stream_version_key; Type: CONSTRAINT; Schema: eventsourced; Owner: -

ALTER TABLE ONLY eventsourced.events
    ADD CONSTRAINT events_stream_version_key UNIQUE (stream_key, version);

-- Name: imports imports_pkey; Type: CONSTRAINT; Schema: eventsourced; Owner: -

ALTER TABLE ONLY eventsourced.imports
    ADD CONSTRAINT imports_pkey PRIMARY KEY (last_position);

-- Name: migrations migrations_pkey; Type: CONSTRAINT; Schema: eventsourced; Owner: -

ALTER TABLE ONLY eventsourced.migrations
    ADD CONSTRAINT migrations_pkey PRIMARY KEY (number);

-- Name: parked_events parked_events_pkey; Type: CONSTRAINT; Schema: eventsourced; Owner: -

ALTER TABLE ONLY eventsourced.parked_events
    ADD CONSTRAINT parked_events_pkey PRIMARY KEY (place, "position");

-- Name: projections projections_pkey; Type: CONSTRAINT; Schema: eventsourced; Owner: -

ALTER TABLE ONLY eventsourced.projections
    ADD CONSTRAINT projections_pkey PRIMARY KEY (name);

-- Name: streams streams_pkey; Type: CONSTRAINT; Schema: eventsourced; Owner: -

ALTER TABLE ONLY eventsourced.streams
    ADD CONSTRAINT streams_pkey PRIMARY KEY (stream_key);

-- Name: streams streams_stream_id_key; Type: CONSTRAINT; Schema: eventsourced; Owner: -

ALTER TABLE ONLY eventsourced.streams
    ADD CONSTRAINT streams_stream_id_key UNIQUE (stream_id);

-- Name: subscriptions subscriptions_pkey; Type: CONSTRAINT; Schema: eventsourced; Owner: -

ALTER TABLE ONLY eventsourced.subscriptions
    ADD CONSTRAINT subscriptions_pkey PRIMARY KEY (name);

-- Name: subscriptions subscriptions_place_key; Type: CONSTRAINT; Schema: eventsourced; Owner: -

ALTER TABLE ONLY eventsourced.subscriptions
    ADD CONSTRAINT subscriptions_place_key UNIQUE (place);

-- Name: workers workers_pkey; Type: CONSTRAINT; Schema: eventsourced; Owner: -

ALTER TABLE ONLY eventsourced.workers
    ADD CONSTRAINT workers_pkey PRIMARY KEY (place, worker);

-- Name: parked_events_blocked; Type: INDEX; Schema: eventsourced; Owner: -

CREATE INDEX parked_events_blocked ON eventsourced.parked_events USING btree (place, partition, stream_id, "position") WHERE (state = 'blocked'::text);

-- Name: parked_events_by_stream; Type: INDEX; Schema: eventsourced; Owner: -

CREATE INDEX parked_events_by_stream ON eventsourced.parked_events USING btree (place, stream_id, "position");

-- Name: parked_events_retrying; Type: INDEX; Schema: eventsourced; Owner: -

CREATE INDEX parked_events_retrying ON eventsourced.parked_events USING btree (place, partition, "position") WHERE (state = 'retrying'::text);

-- Name: projections_inline; Type: INDEX; Schema: eventsourced; Owner: -

CREATE INDEX projections_inline ON eventsourced.projections USING btree (name) WHERE ((mode = 'inline'::text) AND (version > 0));

-- Name: events protect_events; Type: TRIGGER; Schema: eventsourced; Owner: -

CREATE TRIGGER protect_events BEFORE DELETE OR UPDATE OR TRUNCATE ON eventsourced.events FOR EACH STATEMENT EXECUTE FUNCTION eventsourced.protect_events();

-- Name: FUNCTION advance_checkpoint(of_place text, of_partition integer, of_token bigint, to_position bigint); Type: ACL; Schema: eventsourced; Owner: -

REVOKE ALL ON FUNCTION eventsourced.advance_checkpoint(of_place text, of_partition integer, of_token bigint, to_position bigint) FROM PUBLIC;

-- Name: FUNCTION advance_checkpoints(places text[], partitions integer[], tokens bigint[], servers text[], positions bigint[]); Type: ACL; Schema: eventsourced; Owner: -

REVOKE ALL ON FUNCTION eventsourced.advance_checkpoints(places text[], partitions integer[], tokens bigint[], servers text[], positions bigint[]) FROM PUBLIC;

-- Name: FUNCTION append_to_each(stream_ids text[], places integer[], expected_versions bigint[], event_counts integer[], owners integer[], nths integer[], event_ids uuid[], types text[], data json[], metadata json[], tags text[], retried boolean, inline_names text[], inline_versions integer[], lock_timeout text, OUT outcomes text[], OUT versions bigint[], OUT recorded_ats timestamp with time zone[], OUT positions bigint[]); Type: ACL; Schema: eventsourced; Owner: -

REVOKE ALL ON FUNCTION eventsourced.append_to_each(stream_ids text[], places integer[], expected_versions bigint[], event_counts integer[], owners integer[], nths integer[], event_ids uuid[], types text[], data json[], metadata json[], tags text[], retried boolean, inline_names text[], inline_versions integer[], lock_timeout text, OUT outcomes text[], OUT versions bigint[], OUT recorded_ats timestamp with time zone[], OUT positions bigint[]) FROM PUBLIC;

-- Name: FUNCTION append_to_stream(stream_id text, expected_version bigint, event_ids uuid[], types text[], data json[], metadata json[], tags text[], retried boolean, lock_timeout text, OUT outcome text, OUT version bigint, OUT recorded_at timestamp with time zone, OUT positions bigint[]); Type: ACL; Schema: eventsourced; Owner: -

REVOKE ALL ON FUNCTION eventsourced.append_to_stream(stream_id text, expected_version bigint, event_ids uuid[], types text[], data json[], metadata json[], tags text[], retried boolean, lock_timeout text, OUT outcome text, OUT version bigint, OUT recorded_at timestamp with time zone, OUT positions bigint[]) FROM PUBLIC;

-- Name: FUNCTION append_to_streams(stream_ids text[], expected_versions bigint[], event_counts integer[], owners integer[], nths integer[], event_ids uuid[], types text[], data json[], metadata json[], tags text[], retried boolean, inline_names text[], inline_versions integer[], lock_timeout text, OUT outcomes text[], OUT versions bigint[], OUT recorded_ats timestamp with time zone[], OUT positions bigint[]); Type: ACL; Schema: eventsourced; Owner: -

REVOKE ALL ON FUNCTION eventsourced.append_to_streams(stream_ids text[], expected_versions bigint[], event_counts integer[], owners integer[], nths integer[], event_ids uuid[], types text[], data json[], metadata json[], tags text[], retried boolean, inline_names text[], inline_versions integer[], lock_timeout text, OUT outcomes text[], OUT versions bigint[], OUT recorded_ats timestamp with time zone[], OUT positions bigint[]) FROM PUBLIC;

-- Name: FUNCTION begin_build(of_projection text, to_version integer, in_mode text, OUT generation integer, OUT resumed boolean); Type: ACL; Schema: eventsourced; Owner: -

REVOKE ALL ON FUNCTION eventsourced.begin_build(of_projection text, to_version integer, in_mode text, OUT generation integer, OUT resumed boolean) FROM PUBLIC;

-- Name: FUNCTION change_subscription(of_subscription text, at_place text, at_revision bigint, change_id uuid, to_definition json, to_partitions integer, to_position bigint, again boolean, lock_timeout text); Type: ACL; Schema: eventsourced; Owner: -

REVOKE ALL ON FUNCTION eventsourced.change_subscription(of_subscription text, at_place text, at_revision bigint, change_id uuid, to_definition json, to_partitions integer, to_position bigint, again boolean, lock_timeout text) FROM PUBLIC;

-- Name: FUNCTION create_stream(stream_id text, metadata json, creation_id uuid, lock_timeout text, OUT created boolean, OUT version bigint, OUT created_at timestamp with time zone); Type: ACL; Schema: eventsourced; Owner: -

REVOKE ALL ON FUNCTION eventsourced.create_stream(stream_id text, metadata json, creation_id uuid, lock_timeout text, OUT created boolean, OUT version bigint, OUT created_at timestamp with time zone) FROM PUBLIC;

-- Name: FUNCTION create_subscription(of_subscription text, of_definition json, from_position bigint, lock_timeout text); Type: ACL; Schema: eventsourced; Owner: -

REVOKE ALL ON FUNCTION eventsourced.create_subscription(of_subscription text, of_definition json, from_position bigint, lock_timeout text) FROM PUBLIC;

-- Name: FUNCTION divide_partitions(of_place text, to_partitions integer, to_position bigint); Type: ACL; Schema: eventsourced; Owner: -

REVOKE ALL ON FUNCTION eventsourced.divide_partitions(of_place text, to_partitions integer, to_position bigint) FROM PUBLIC;

-- Name: FUNCTION drop_documents(of_projection text, kept_generation integer); Type: ACL; Schema: eventsourced; Owner: -

REVOKE ALL ON FUNCTION eventsourced.drop_documents(of_projection text, kept_generation integer) FROM PUBLIC;

-- Name: FUNCTION enter_projections(names text[], generations integer[]); Type: ACL; Schema: eventsourced; Owner: -

REVOKE ALL ON FUNCTION eventsourced.enter_projections(names text[], generations integer[]) FROM PUBLIC;

-- Name: FUNCTION forget_workers(of_place text); Type: ACL; Schema: eventsourced; Owner: -

REVOKE ALL ON FUNCTION eventsourced.forget_workers(of_place text) FROM PUBLIC;

-- Name: FUNCTION frontier(); Type: ACL; Schema: eventsourced; Owner: -

REVOKE ALL ON FUNCTION eventsourced.frontier() FROM PUBLIC;

-- Name: FUNCTION frontier_after(after bigint); Type: ACL; Schema: eventsourced; Owner: -

REVOKE ALL ON FUNCTION eventsourced.frontier_after(after bigint) FROM PUBLIC;

-- Name: FUNCTION has_type_index(); Type: ACL; Schema: eventsourced; Owner: -

REVOKE ALL ON FUNCTION eventsourced.has_type_index() FROM PUBLIC;

-- Name: FUNCTION import_events(stream_ids text[], event_counts integer[], earliest timestamp with time zone[], latest timestamp with time zone[], owners integer[], nths integer[], event_ids uuid[], types text[], data text[], metadata text[], tags text[], recorded_ats timestamp with time zone[], clamp_times boolean, sift boolean, inline_names text[], inline_versions integer[], lock_timeout text, OUT imported integer, OUT after bigint, OUT stream_id text, OUT event_id uuid, OUT recorded_at timestamp with time zone, OUT previous_at timestamp with time zone); Type: ACL; Schema: eventsourced; Owner: -

REVOKE ALL ON FUNCTION eventsourced.import_events(stream_ids text[], event_counts integer[], earliest timestamp with time zone[], latest timestamp with time zone[], owners integer[], nths integer[], event_ids uuid[], types text[], data text[], metadata text[], tags text[], recorded_ats timestamp with time zone[], clamp_times boolean, sift boolean, inline_names text[], inline_versions integer[], lock_timeout text, OUT imported integer, OUT after bigint, OUT stream_id text, OUT event_id uuid, OUT recorded_at timestamp with time zone, OUT previous_at timestamp with time zone) FROM PUBLIC;

-- Name: FUNCTION is_expected(expected_version bigint, version bigint); Type: ACL; Schema: eventsourced; Owner: -

REVOKE ALL ON FUNCTION eventsourced.is_expected(expected_version bigint, version bigint) FROM PUBLIC;

-- Name: FUNCTION keep_leases(names text[], places text[], versions integer[], by_workers text[], milliseconds integer[]); Type: ACL; Schema: eventsourced; Owner: -

REVOKE ALL ON FUNCTION eventsourced.keep_leases(names text[], places text[], versions integer[], by_workers text[], milliseconds integer[]) FROM PUBLIC;

-- Name: FUNCTION layers_above(layers json, of_position bigint); Type: ACL; Schema: eventsourced; Owner: -

REVOKE ALL ON FUNCTION eventsourced.layers_above(layers json, of_position bigint) FROM PUBLIC;

-- Name: FUNCTION leave_subscription(of_place text, by_worker text); Type: ACL; Schema: eventsourced; Owner: -

REVOKE ALL ON FUNCTION eventsourced.leave_subscription(of_place text, by_worker text) FROM PUBLIC;

-- Name: FUNCTION list_documents(projection text, prefix text, after text, max_documents integer); Type: ACL; Schema: eventsourced; Owner: -

REVOKE ALL ON FUNCTION eventsourced.list_documents(projection text, prefix text, after text, max_documents integer) FROM PUBLIC;

-- Name: FUNCTION list_streams(prefix text, after text, max_streams integer); Type: ACL; Schema: eventsourced; Owner: -

REVOKE ALL ON FUNCTION eventsourced.list_streams(prefix text, after text, max_streams integer) FROM PUBLIC;

-- Name: FUNCTION lock_appends(); Type: ACL; Schema: eventsourced; Owner: -

REVOKE ALL ON FUNCTION eventsourced.lock_appends() FROM PUBLIC;

-- Name: FUNCTION lock_documents(projections text[], generations integer[], keys text[], lock_timeout text); Type: ACL; Schema: eventsourced; Owner: -

REVOKE ALL ON FUNCTION eventsourced.lock_documents(projections text[], generations integer[], keys text[], lock_timeout text) FROM PUBLIC;

-- Name: FUNCTION log_page(after bigint, until bigint, only_types text[], stream_prefix text, only_tags text[], part_index integer, part_count integer, forward boolean, max_events integer, row_size integer, named boolean); Type: ACL; Schema: eventsourced; Owner: -

REVOKE ALL ON FUNCTION eventsourced.log_page(after bigint, until bigint, only_types text[], stream_prefix text, only_tags text[], part_index integer, part_count integer, forward boolean, max_events integer, row_size integer, named boolean) FROM PUBLIC;

-- Name: FUNCTION mark_writer(inline_names text[], inline_versions integer[]); Type: ACL; Schema: eventsourced; Owner: -

REVOKE ALL ON FUNCTION eventsourced.mark_writer(inline_names text[], inline_versions integer[]) FROM PUBLIC;

-- Name: FUNCTION matching_positions(after bigint, until bigint, only_types text[], stream_prefix text, only_tags text[], part_index integer, part_count integer, forward boolean, most integer, OUT positions bigint[], OUT reached bigint); Type: ACL; Schema: eventsourced; Owner: -

REVOKE ALL ON FUNCTION eventsourced.matching_positions(after bigint, until bigint, only_types text[], stream_prefix text, only_tags text[], part_index integer, part_count integer, forward boolean, most integer, OUT positions bigint[], OUT reached bigint) FROM PUBLIC;

-- Name: FUNCTION matching_streams(stream_keys bigint[], stream_prefix text, part_index integer, part_count integer); Type: ACL; Schema: eventsourced; Owner: -

REVOKE ALL ON FUNCTION eventsourced.matching_streams(stream_keys bigint[], stream_prefix text, part_index integer, part_count integer) FROM PUBLIC;

-- Name: FUNCTION move_checkpoints(of_subscription text, to_definition json, to_position bigint); Type: ACL; Schema: eventsourced; Owner: -

REVOKE ALL ON FUNCTION eventsourced.move_checkpoints(of_subscription text, to_definition json, to_position bigint) FROM PUBLIC;

-- Name: FUNCTION park_events(of_place text, of_partition integer, of_token bigint, to_position bigint, positions bigint[], stream_ids text[], event_ids uuid[], types text[], states text[], failures integer[], errors text[], stacks text[]); Type: ACL; Schema: eventsourced; Owner: -

REVOKE ALL ON FUNCTION eventsourced.park_events(of_place text, of_partition integer, of_token bigint, to_position bigint, positions bigint[], stream_ids text[], event_ids uuid[], types text[], states text[], failures integer[], errors text[], stacks text[]) FROM PUBLIC;

-- Name: FUNCTION parked_to_handle(of_place text, of_partition integer, most bigint); Type: ACL; Schema: eventsourced; Owner: -

REVOKE ALL ON FUNCTION eventsourced.parked_to_handle(of_place text, of_partition integer, most bigint) FROM PUBLIC;

-- Name: FUNCTION part_of_stream(stream_id text, part_count integer); Type: ACL; Schema: eventsourced; Owner: -

REVOKE ALL ON FUNCTION eventsourced.part_of_stream(stream_id text, part_count integer) FROM PUBLIC;

-- Name: FUNCTION pause_subscription(of_subscription text, to_paused boolean, lock_timeout text); Type: ACL; Schema: eventsourced; Owner: -

REVOKE ALL ON FUNCTION eventsourced.pause_subscription(of_subscription text, to_paused boolean, lock_timeout text) FROM PUBLIC;

-- Name: FUNCTION position_before(recorded_at timestamp with time zone, after bigint, OUT "position" bigint, OUT is_found boolean); Type: ACL; Schema: eventsourced; Owner: -

REVOKE ALL ON FUNCTION eventsourced.position_before(recorded_at timestamp with time zone, after bigint, OUT "position" bigint, OUT is_found boolean) FROM PUBLIC;

-- Name: FUNCTION positions_of_types(types text[], after bigint, until bigint, forward boolean, most integer); Type: ACL; Schema: eventsourced; Owner: -

REVOKE ALL ON FUNCTION eventsourced.positions_of_types(types text[], after bigint, until bigint, forward boolean, most integer) FROM PUBLIC;

-- Name: FUNCTION projection_lock(name text); Type: ACL; Schema: eventsourced; Owner: -

REVOKE ALL ON FUNCTION eventsourced.projection_lock(name text) FROM PUBLIC;

-- Name: FUNCTION protect_events(); Type: ACL; Schema: eventsourced; Owner: -

REVOKE ALL ON FUNCTION eventsourced.protect_events() FROM PUBLIC;

-- Name: FUNCTION read_streams(stream_ids text[], first_versions bigint[], last_versions bigint[], as_ofs timestamp with time zone[], mosts bigint[], backwards boolean[]); Type: ACL; Schema: eventsourced; Owner: -

REVOKE ALL ON FUNCTION eventsourced.read_streams(stream_ids text[], first_versions bigint[], last_versions bigint[], as_ofs timestamp with time zone[], mosts bigint[], backwards boolean[]) FROM PUBLIC;

-- Name: FUNCTION recorded_owners(owners integer[], event_ids uuid[]); Type: ACL; Schema: eventsourced; Owner: -

REVOKE ALL ON FUNCTION eventsourced.recorded_owners(owners integer[], event_ids uuid[]) FROM PUBLIC;

-- Name: FUNCTION register_projections(names text[], versions integer[], modes text[]); Type: ACL; Schema: eventsourced; Owner: -

REVOKE ALL ON FUNCTION eventsourced.register_projections(names text[], versions integer[], modes text[]) FROM PUBLIC;

-- Name: FUNCTION release_lease(of_place text, of_partition integer, of_token bigint); Type: ACL; Schema: eventsourced; Owner: -

REVOKE ALL ON FUNCTION eventsourced.release_lease(of_place text, of_partition integer, of_token bigint) FROM PUBLIC;

-- Name: FUNCTION release_leases(places text[], partitions integer[], tokens bigint[]); Type: ACL; Schema: eventsourced; Owner: -

REVOKE ALL ON FUNCTION eventsourced.release_leases(places text[], partitions integer[], tokens bigint[]) FROM PUBLIC;

-- Name: FUNCTION remove_subscription(of_subscription text, at_place text, at_revision bigint, is_retry boolean, lock_timeout text); Type: ACL; Schema: eventsourced; Owner: -

REVOKE ALL ON FUNCTION eventsourced.remove_subscription(of_subscription text, at_place text, at_revision bigint, is_retry boolean, lock_timeout text) FROM PUBLIC;

-- Name: FUNCTION retry_parked(of_subscription text, positions bigint[], lock_timeout text); Type: ACL; Schema: eventsourced; Owner: -

REVOKE ALL ON FUNCTION eventsourced.retry_parked(of_subscription text, positions bigint[], lock_timeout text) FROM PUBLIC;

-- Name: FUNCTION sees_own_marker(); Type: ACL; Schema: eventsourced; Owner: -

REVOKE ALL ON FUNCTION eventsourced.sees_own_marker() FROM PUBLIC;

-- Name: FUNCTION set_partitions(of_place text, to_partitions integer, to_position bigint, to_token bigint); Type: ACL; Schema: eventsourced; Owner: -

REVOKE ALL ON FUNCTION eventsourced.set_partitions(of_place text, to_partitions integer, to_position bigint, to_token bigint) FROM PUBLIC;

-- Name: FUNCTION set_projection(of_projection text, to_version integer, to_generation integer, in_mode text); Type: ACL; Schema: eventsourced; Owner: -

REVOKE ALL ON FUNCTION eventsourced.set_projection(of_projection text, to_version integer, to_generation integer, in_mode text) FROM PUBLIC;

-- Name: FUNCTION skip_parked(of_subscription text, positions bigint[], lock_timeout text); Type: ACL; Schema: eventsourced; Owner: -

REVOKE ALL ON FUNCTION eventsourced.skip_parked(of_subscription text, positions bigint[], lock_timeout text) FROM PUBLIC;

-- Name: FUNCTION stream_names(stream_keys bigint[]); Type: ACL; Schema: eventsourced; Owner: -

REVOKE ALL ON FUNCTION eventsourced.stream_names(stream_keys bigint[]) FROM PUBLIC;

-- Name: FUNCTION take_over_subscription(of_subscription text, at_place text, at_revision bigint, change_id uuid, by_subscription text, of_definition json, lock_timeout text); Type: ACL; Schema: eventsourced; Owner: -

REVOKE ALL ON FUNCTION eventsourced.take_over_subscription(of_subscription text, at_place text, at_revision bigint, change_id uuid, by_subscription text, of_definition json, lock_timeout text) FROM PUBLIC;

-- Name: FUNCTION unpark_event(of_place text, of_partition integer, of_token bigint, at_position bigint); Type: ACL; Schema: eventsourced; Owner: -

REVOKE ALL ON FUNCTION eventsourced.unpark_event(of_place text, of_partition integer, of_token bigint, at_position bigint) FROM PUBLIC;

-- Name: FUNCTION version_as_of(stream_key bigint, as_of timestamp with time zone, last_version bigint); Type: ACL; Schema: eventsourced; Owner: -

REVOKE ALL ON FUNCTION eventsourced.version_as_of(stream_key bigint, as_of timestamp with time zone, last_version bigint) FROM PUBLIC;

-- Name: FUNCTION write_documents(projections text[], generations integer[], keys text[], states json[], positions bigint[]); Type: ACL; Schema: eventsourced; Owner: -

REVOKE ALL ON FUNCTION eventsourced.write_documents(projections text[], generations integer[], keys text[], states json[], positions bigint[]) FROM PUBLIC;
