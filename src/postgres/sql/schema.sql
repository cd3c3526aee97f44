-- Made by scripts/dump-schema.ts: the whole schema as the migrations and functions leave it. Do not edit.

-- Name: eventsourced; Type: SCHEMA; Schema: -; Owner: -

CREATE SCHEMA eventsourced;

-- Name: advance_stream(text, bigint, integer, boolean); Type: FUNCTION; Schema: eventsourced; Owner: -

CREATE FUNCTION eventsourced.advance_stream(stream_id text, expected_version bigint, event_count integer, wait boolean, OUT outcome text, OUT version bigint, OUT recorded_at timestamp with time zone) RETURNS record
    LANGUAGE plpgsql
    AS $$
declare
  -- In whole milliseconds, the precision of a JavaScript Date: what a reader sees is what is compared.
  _now timestamptz := date_trunc('milliseconds', clock_timestamp());
  _create boolean := expected_version in (0, -1);
begin
  loop
    -- A stream that should be new: the insert is lock and check in one.
    if _create then
      insert into eventsourced.streams as s (stream_id, version, created_at, last_recorded_at)
      values (advance_stream.stream_id, event_count, _now, _now)
      on conflict do nothing;
      if found then
        outcome := 'appended';
        version := event_count;
        recorded_at := _now;
        -- Only checked: the row goes again, but whoever wants to create the stream waits for our end.
        if event_count = 0 then
          delete from eventsourced.streams s where s.stream_id = advance_stream.stream_id;
        end if;
        return;
      end if;
    end if;

    if not wait then
      perform from eventsourced.streams s where s.stream_id = advance_stream.stream_id for update skip locked;
      if not found and exists (select from eventsourced.streams s where s.stream_id = advance_stream.stream_id) then
        outcome := 'busy';
        return;
      end if;
    end if;

    update eventsourced.streams s
    set version = s.version + event_count,
        last_recorded_at = case when event_count = 0 then s.last_recorded_at else greatest(_now, s.last_recorded_at) end
    where s.stream_id = advance_stream.stream_id
      and (expected_version is null or expected_version = -2 or s.version = expected_version)
    returning s.version, s.last_recorded_at into version, recorded_at;
    if found then
      outcome := 'appended';
      return;
    end if;

    if expected_version is not null then
      outcome := 'conflict';
      select s.version into version from eventsourced.streams s where s.stream_id = advance_stream.stream_id;
      version := coalesce(version, 0);
      return;
    end if;
    if event_count = 0 then
      outcome := 'appended';
      version := 0;
      return;
    end if;
    -- Any version will do and there is no stream yet: create it. If somebody does so first, go round again.
    _create := true;
  end loop;
end
$$;

-- Name: advance_streams(text[], bigint[], integer[], integer[], uuid[], boolean, boolean); Type: FUNCTION; Schema: eventsourced; Owner: -

CREATE FUNCTION eventsourced.advance_streams(stream_ids text[], expected_versions bigint[], event_counts integer[], owners integer[], event_ids uuid[], wait boolean, retried boolean, OUT outcomes text[], OUT versions bigint[], OUT recorded_ats timestamp with time zone[]) RETURNS record
    LANGUAGE plpgsql
    AS $$
declare
  _order int[] := '{1}';
  _at int;
  _stream record;
  _repeated boolean := false;
begin
  -- Streams are locked in one order by everyone, so that two calls never wait for each other.
  if cardinality(stream_ids) > 1 then
    select array_agg(s.at order by s.id collate "C") into _order
    from unnest(stream_ids) with ordinality as s (id, at);
  end if;

  foreach _at in array _order loop
    if retried then
      -- The lock first: an earlier try may be about to commit.
      perform from eventsourced.streams s where s.stream_id = stream_ids[_at] for update;
      _repeated := eventsourced.is_recorded(_at, owners, event_ids);
    end if;
    if not _repeated then
      _stream := eventsourced.advance_stream(stream_ids[_at], expected_versions[_at], event_counts[_at], wait);
      outcomes[_at] := _stream.outcome;
      versions[_at] := _stream.version;
      recorded_ats[_at] := _stream.recorded_at;
      _repeated := _stream.outcome = 'conflict' and eventsourced.is_recorded(_at, owners, event_ids);
    end if;
    if _repeated then
      outcomes[_at] := 'repeated';
      _repeated := false;
    end if;
  end loop;
end
$$;

-- Name: append_events(text[], bigint[], integer[], integer[], integer[], uuid[], text[], json[], json[], text[], boolean, boolean); Type: FUNCTION; Schema: eventsourced; Owner: -

CREATE FUNCTION eventsourced.append_events(stream_ids text[], expected_versions bigint[], event_counts integer[], owners integer[], nths integer[], event_ids uuid[], types text[], data json[], metadata json[], tags text[], atomic boolean, retried boolean, OUT outcomes text[], OUT versions bigint[], OUT recorded_ats timestamp with time zone[], OUT positions bigint[]) RETURNS record
    LANGUAGE plpgsql
    AS $$
declare
  _at int;
begin
  -- At any other level the checks would look at an old snapshot.
  if current_setting('transaction_isolation') <> 'read committed' then
    raise exception 'append_events needs READ COMMITTED' using errcode = 'ES001';
  end if;

  if atomic and cardinality(stream_ids) > 1 then
    begin
      select a.outcomes, a.versions, a.recorded_ats into outcomes, versions, recorded_ats
      from eventsourced.advance_streams(
        stream_ids, expected_versions, event_counts, owners, event_ids, true, retried) a;
      if 'appended' <> any (outcomes) then
        raise exception 'undo' using errcode = 'ES002';
      end if;
    exception when sqlstate 'ES002' then
      -- The streams are as they were, while the outcomes are kept: they tell why. A repeat of this call may look
      -- like a conflict of one stream: of the others, too, it is to be known whether they repeat.
      for _at in 1 .. cardinality(stream_ids) loop
        if outcomes[_at] = 'appended' and eventsourced.is_recorded(_at, owners, event_ids) then
          outcomes[_at] := 'repeated';
        end if;
      end loop;
      return;
    end;
  else
    select a.outcomes, a.versions, a.recorded_ats into outcomes, versions, recorded_ats
    from eventsourced.advance_streams(
      stream_ids, expected_versions, event_counts, owners, event_ids, atomic, retried) a;
    if 'appended' <> all (outcomes) then
      return;
    end if;
  end if;

  perform eventsourced.mark_writer();
  with inserted as (
    insert into eventsourced.events
      (position, version, recorded_at, event_id, stream_id, type, data, metadata, tags)
    select
      nextval('eventsourced.event_positions'),
      versions[e.owner] - event_counts[e.owner] + e.nth,
      recorded_ats[e.owner],
      e.event_id,
      stream_ids[e.owner],
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
end
$$;

-- Name: create_stream(text, json, uuid); Type: FUNCTION; Schema: eventsourced; Owner: -

CREATE FUNCTION eventsourced.create_stream(stream_id text, metadata json, creation_id uuid, OUT created boolean, OUT version bigint, OUT created_at timestamp with time zone) RETURNS record
    LANGUAGE plpgsql
    AS $$
begin
  insert into eventsourced.streams as s (stream_id, version, created_at, metadata, creation_id)
  values (
    create_stream.stream_id, 0, date_trunc('milliseconds', clock_timestamp()),
    create_stream.metadata, create_stream.creation_id
  )
  on conflict do nothing;
  -- The statement above waited for a rival, and this one sees what it did.
  select s.creation_id is not distinct from create_stream.creation_id, s.version, s.created_at
  into created, version, created_at
  from eventsourced.streams s
  where s.stream_id = create_stream.stream_id;
end
$$;

-- Name: frontier(); Type: FUNCTION; Schema: eventsourced; Owner: -

CREATE FUNCTION eventsourced.frontier() RETURNS bigint
    LANGUAGE plpgsql
    AS $$
declare
  _head bigint;
  _marked bigint;
begin
  if pg_is_in_recovery() then
    raise exception 'a replica does not know the running writers' using errcode = 'ES003';
  end if;
  -- Step 1.
  select case when s.is_called then s.last_value else 0 end into _head from eventsourced.event_positions s;
  -- Step 2.
  select min(m.marked_position) into _marked from eventsourced.writer_markers m;
  return least(_head, coalesce(_marked, _head));
end
$$;

-- Name: import_events(text[], integer[], timestamp with time zone[], timestamp with time zone[], integer[], integer[], uuid[], text[], text[], text[], text[], timestamp with time zone[], boolean, boolean); Type: FUNCTION; Schema: eventsourced; Owner: -

CREATE FUNCTION eventsourced.import_events(stream_ids text[], event_counts integer[], earliest timestamp with time zone[], latest timestamp with time zone[], owners integer[], nths integer[], event_ids uuid[], types text[], data text[], metadata text[], tags text[], recorded_ats timestamp with time zone[], clamp_times boolean, sift boolean, OUT imported integer, OUT stream_id text, OUT event_id uuid, OUT recorded_at timestamp with time zone, OUT previous_at timestamp with time zone) RETURNS record
    LANGUAGE plpgsql
    SET enable_seqscan TO 'off'
    SET enable_bitmapscan TO 'off'
    SET enable_hashjoin TO 'off'
    SET enable_mergejoin TO 'off'
    SET jit TO 'off'
    AS $$
declare
  _now timestamptz := date_trunc('milliseconds', clock_timestamp());
  _versions bigint[];
  _last timestamptz[];
begin
  if current_setting('transaction_isolation') <> 'read committed' then
    raise exception 'import_events needs READ COMMITTED' using errcode = 'ES001';
  end if;

  begin
    -- Every stream is there and locked, in the order that all writers keep to.
    insert into eventsourced.streams (stream_id, version, created_at)
    select s.id, 0, _now from unnest(stream_ids) as s (id) order by s.id collate "C"
    on conflict do nothing;

    select array_agg(l.version order by l.owner), array_agg(l.last_recorded_at order by l.owner)
    into _versions, _last
    from (
      select a.owner, s.version, s.last_recorded_at
      from (
        select * from unnest(stream_ids) with ordinality as s (id, owner) order by s.id collate "C"
      ) a
      cross join lateral (select * from eventsourced.streams s where s.stream_id = a.id for update) s
    ) l;

    if sift
      or exists (
        select from eventsourced.events r where r.event_id in (event_ids[1], event_ids[cardinality(event_ids)])
      )
      or exists (select from unnest(earliest, _last) as s (earliest, last) where s.earliest < s.last)
    then
      select r.stream_id, r.event_id into stream_id, event_id
      from unnest(owners, event_ids) as e (owner, event_id)
      cross join lateral (select * from eventsourced.events r where r.event_id = e.event_id limit 1) r
      where r.stream_id <> stream_ids[e.owner]
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
        where not exists (select from eventsourced.events r where r.event_id = e.event_id)
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

    perform eventsourced.mark_writer();
    insert into eventsourced.events (position, version, recorded_at, event_id, stream_id, type, data, metadata, tags)
    select
      nextval('eventsourced.event_positions'),
      _versions[e.owner] + e.nth,
      greatest(coalesce(e.recorded_at, _now), _last[e.owner]),
      e.event_id,
      stream_ids[e.owner],
      e.type,
      e.data::json,
      e.metadata::json,
      e.tags::text[]
    -- Side by side in the list, arrays are read without being written to a temporary store each.
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
    ) e;
    get diagnostics imported = row_count;

    update eventsourced.streams s
    set version = s.version + m.event_count,
        last_recorded_at = greatest(coalesce(m.latest, _now), s.last_recorded_at)
    from unnest(stream_ids, event_counts, latest) as m (stream_id, event_count, latest)
    where s.stream_id = m.stream_id and m.event_count > 0;
  exception when sqlstate 'ES002' then
    -- Everything is as it was, while the answer is kept.
    return;
  end;
end
$$;

-- Name: is_recorded(integer, integer[], uuid[]); Type: FUNCTION; Schema: eventsourced; Owner: -

CREATE FUNCTION eventsourced.is_recorded(owner integer, owners integer[], event_ids uuid[]) RETURNS boolean
    LANGUAGE sql STABLE
    SET enable_seqscan TO 'off'
    AS $$
  select exists (
    select from eventsourced.events e
    where e.event_id = any (array(
      select o.event_id from unnest(is_recorded.owners, is_recorded.event_ids) as o (owner, event_id)
      where o.owner = is_recorded.owner
    ))
  )
$$;

-- Name: streams; Type: TABLE; Schema: eventsourced; Owner: -

CREATE TABLE eventsourced.streams (
    stream_id text NOT NULL COLLATE pg_catalog."C",
    version bigint NOT NULL,
    created_at timestamp with time zone NOT NULL,
    last_recorded_at timestamp with time zone,
    metadata json,
    creation_id uuid
)
WITH (fillfactor='80');

-- Name: list_streams(text, text, integer); Type: FUNCTION; Schema: eventsourced; Owner: -

CREATE FUNCTION eventsourced.list_streams(prefix text, after text, max_streams integer) RETURNS SETOF eventsourced.streams
    LANGUAGE sql STABLE
    SET enable_seqscan TO 'off'
    SET enable_bitmapscan TO 'off'
    SET enable_sort TO 'off'
    AS $$
  select s.* from eventsourced.streams s
  where s.stream_id > list_streams.after
    and s.stream_id >= list_streams.prefix
    -- The last id that can begin so: ids have at most 512 bytes, and the highest character has four.
    and s.stream_id <= list_streams.prefix || repeat(chr(1114111), 128)
    and starts_with(s.stream_id, list_streams.prefix)
  order by s.stream_id
  limit list_streams.max_streams
$$;

-- Name: mark_writer(); Type: FUNCTION; Schema: eventsourced; Owner: -

CREATE FUNCTION eventsourced.mark_writer() RETURNS void
    LANGUAGE plpgsql
    AS $$
declare
  _transaction text := pg_current_xact_id()::text;
begin
  if current_setting('eventsourced.marked_eventsourced', true) is distinct from _transaction then
    perform pg_advisory_xact_lock_shared(eventsourced.marker_key(case when s.is_called then s.last_value else 0 end))
    from eventsourced.event_positions s;
    perform set_config('eventsourced.marked_eventsourced', _transaction, true);
  end if;
end
$$;

-- Name: marker_key(bigint); Type: FUNCTION; Schema: eventsourced; Owner: -

CREATE FUNCTION eventsourced.marker_key(marked_position bigint) RETURNS bigint
    LANGUAGE sql IMMUTABLE
    AS $$
  select ((hashtext('eventsourced.eventsourced')::bigint & 65535) << 48) | marked_position
$$;

-- Name: protect_events(); Type: FUNCTION; Schema: eventsourced; Owner: -

CREATE FUNCTION eventsourced.protect_events() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
begin
  raise exception 'events are never changed (% on %)', tg_op, tg_table_name using errcode = 'ES004';
end
$$;

-- Name: read_log(bigint, bigint, text[], text, boolean, integer); Type: FUNCTION; Schema: eventsourced; Owner: -

CREATE FUNCTION eventsourced.read_log(after bigint, until bigint, only_types text[], stream_prefix text, forward boolean, max_events integer, OUT frontier bigint, OUT through bigint, OUT event_count integer, OUT positions text, OUT versions text, OUT recorded_ats text, OUT event_ids text, OUT stream_ids text, OUT types text, OUT data text, OUT metadata text, OUT tags text) RETURNS record
    LANGUAGE plpgsql
    SET enable_seqscan TO 'off'
    SET enable_bitmapscan TO 'off'
    SET enable_sort TO 'off'
    AS $$
begin
  -- At any other level the page would be read in a snapshot older than the frontier.
  if current_setting('transaction_isolation') <> 'read committed' then
    raise exception 'read_log needs READ COMMITTED' using errcode = 'ES001';
  end if;
  frontier := eventsourced.frontier();
  until := least(until, frontier);
  -- From here on each statement has a snapshot taken after the frontier.
  if forward then
    select count(*)::int as event_count,
    string_agg(e.position::text, ',') as positions,
    string_agg(e.version::text, ',') as versions,
    string_agg((date_part('epoch', e.recorded_at) * 1000)::bigint::text, ',') as recorded_ats,
    string_agg(e.event_id::text, '') as event_ids,
    string_agg(to_json(e.stream_id)::text, ',') as stream_ids,
    string_agg(to_json(e.type)::text, ',') as types,
    case
      when count(*) = 1
        or sum(octet_length(e.data::text)) + coalesce(sum(octet_length(e.metadata::text)), 0) <= 33554432
      then string_agg(e.data::text, ',')
    end as data,
    case
      when count(e.metadata) > 0 and (count(*) = 1 or sum(octet_length(e.metadata::text)) <= 33554432)
      then string_agg(coalesce(e.metadata::text, '{}'), ',')
    end as metadata,
    case when count(e.tags) > 0 then string_agg(coalesce(to_json(e.tags)::text, '[]'), ',') end as tags
    into event_count, positions, versions, recorded_ats, event_ids, stream_ids, types, data, metadata, tags
    from (
      select * from eventsourced.events e
      where e.position > after and e.position <= until
        and (only_types is null or e.type = any (only_types))
        and (stream_prefix is null or starts_with(e.stream_id, stream_prefix))
      order by e.position
      limit max_events
    ) e;
  else
    select count(*)::int as event_count,
    string_agg(e.position::text, ',') as positions,
    string_agg(e.version::text, ',') as versions,
    string_agg((date_part('epoch', e.recorded_at) * 1000)::bigint::text, ',') as recorded_ats,
    string_agg(e.event_id::text, '') as event_ids,
    string_agg(to_json(e.stream_id)::text, ',') as stream_ids,
    string_agg(to_json(e.type)::text, ',') as types,
    case
      when count(*) = 1
        or sum(octet_length(e.data::text)) + coalesce(sum(octet_length(e.metadata::text)), 0) <= 33554432
      then string_agg(e.data::text, ',')
    end as data,
    case
      when count(e.metadata) > 0 and (count(*) = 1 or sum(octet_length(e.metadata::text)) <= 33554432)
      then string_agg(coalesce(e.metadata::text, '{}'), ',')
    end as metadata,
    case when count(e.tags) > 0 then string_agg(coalesce(to_json(e.tags)::text, '[]'), ',') end as tags
    into event_count, positions, versions, recorded_ats, event_ids, stream_ids, types, data, metadata, tags
    from (
      select * from eventsourced.events e
      where e.position > after and e.position <= until
        and (only_types is null or e.type = any (only_types))
        and (stream_prefix is null or starts_with(e.stream_id, stream_prefix))
      order by e.position desc
      limit max_events
    ) e;
  end if;
  select coalesce(max(e.position), 0) into through from eventsourced.events e where e.position <= until;
end
$$;

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
    version bigint NOT NULL,
    recorded_at timestamp with time zone NOT NULL,
    transaction_id xid8 DEFAULT pg_current_xact_id() NOT NULL,
    event_id uuid NOT NULL,
    stream_id text NOT NULL COLLATE pg_catalog."C",
    type text NOT NULL COLLATE pg_catalog."C",
    data json NOT NULL,
    metadata json,
    tags text[] COLLATE pg_catalog."C"
);

-- Name: migrations; Type: TABLE; Schema: eventsourced; Owner: -

CREATE TABLE eventsourced.migrations (
    number integer NOT NULL,
    name text NOT NULL,
    checksum text NOT NULL,
    applied_at timestamp with time zone DEFAULT now() NOT NULL
);

-- Name: writer_markers; Type: VIEW; Schema: eventsourced; Owner: -

CREATE VIEW eventsourced.writer_markers AS
 SELECT pid,
    ((((classid)::bigint & (65535)::bigint) << 32) | (objid)::bigint) AS marked_position
   FROM pg_locks l
  WHERE ((locktype = 'advisory'::text) AND (mode = 'ShareLock'::text) AND granted AND (objsubid = 1) AND (database = ( SELECT d.oid
           FROM pg_database d
          WHERE (d.datname = current_database()))) AND (((classid)::bigint >> 16) = ((eventsourced.marker_key((0)::bigint) >> 48) & (65535)::bigint)));

-- Name: events events_event_id_key; Type: CONSTRAINT; Schema: eventsourced; Owner: -

ALTER TABLE ONLY eventsourced.events
    ADD CONSTRAINT events_event_id_key UNIQUE (event_id);

-- Name: events events_pkey; Type: CONSTRAINT; Schema: eventsourced; Owner: -

ALTER TABLE ONLY eventsourced.events
    ADD CONSTRAINT events_pkey PRIMARY KEY ("position");

-- Name: events events_stream_version_key; Type: CONSTRAINT; Schema: eventsourced; Owner: -

ALTER TABLE ONLY eventsourced.events
    ADD CONSTRAINT events_stream_version_key UNIQUE (stream_id, version);

-- Name: migrations migrations_pkey; Type: CONSTRAINT; Schema: eventsourced; Owner: -

ALTER TABLE ONLY eventsourced.migrations
    ADD CONSTRAINT migrations_pkey PRIMARY KEY (number);

-- Name: streams streams_pkey; Type: CONSTRAINT; Schema: eventsourced; Owner: -

ALTER TABLE ONLY eventsourced.streams
    ADD CONSTRAINT streams_pkey PRIMARY KEY (stream_id);

-- Name: events protect_events; Type: TRIGGER; Schema: eventsourced; Owner: -

CREATE TRIGGER protect_events BEFORE DELETE OR UPDATE OR TRUNCATE ON eventsourced.events FOR EACH STATEMENT EXECUTE FUNCTION eventsourced.protect_events();
