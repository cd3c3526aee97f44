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
:as_owner
as $$
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
$$;
