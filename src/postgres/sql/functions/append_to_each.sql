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
:as_owner
:plans_by_key
as $$
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
$$;
