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
:as_owner
:plans_by_key
as $$
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
$$;
