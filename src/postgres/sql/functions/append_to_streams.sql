-- Makes many appends in one call and one transaction.
--
-- stream_ids: the streams, each once.
-- Per append: the 1-based place of its stream in stream_ids, the expected version (see is_expected) and its number of
-- events. Several appends to one stream are made in the order of the list.
-- Per event, in the order in which events get their positions: the 1-based place of its append (owner), its 1-based
-- number within that append (nth), and the event itself.
-- atomic: true: all appends are made or none, and the call waits for streams that other transactions have locked, or fails
-- with 55P03 after lock_timeout. False (group commit): each append has its own outcome, and an append that would have to
-- wait for a stream gets 'busy' instead.
-- retried, lock_timeout: see append_to_stream.
-- inline_names, inline_versions: see mark_writer.
--
-- Returns per append: version, recorded_at and outcome ('appended' | 'conflict' | 'repeated' | 'busy'). Only 'appended'
-- changes data. If atomic, the call changes data only if every outcome is 'appended'.
-- positions: of the events of all appends that were made, in order.
create or replace function :schema.append_to_streams(
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
  atomic boolean,
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
-- For the reason that lock_streams states.
set enable_seqscan = off
set enable_bitmapscan = off
set enable_hashjoin = off
set enable_mergejoin = off
set jit = off
as $$
declare
  _now timestamptz := date_trunc('milliseconds', clock_timestamp());
  -- Per stream: its version after the appends decided so far (null: no stream), and the time to record its events at.
  _versions bigint[] := array_fill(null::bigint, array[cardinality(stream_ids)]);
  _times timestamptz[] := array_fill(_now, array[cardinality(stream_ids)]);
  _locked boolean[] := array_fill(false, array[cardinality(stream_ids)]);
  _busy boolean[] := array_fill(false, array[cardinality(stream_ids)]);
  _moved boolean[] := array_fill(false, array[cardinality(stream_ids)]);
  _created text[] := '{}';
  _created_at int := 1;
  _new int[];
  _repeated boolean[] := array_fill(false, array[cardinality(places)]);
  _stream record;
  _at int;
  _place int;
begin
  -- At any other level the checks would use an old snapshot.
  if current_setting('transaction_isolation') <> 'read committed' then
    raise exception 'append_to_streams needs READ COMMITTED' using errcode = 'ES001';
  end if;
  if lock_timeout is not null then
    perform set_config('lock_timeout', append_to_streams.lock_timeout, true);
  end if;

  -- 1. Lock the streams.
  if atomic then
    -- This creates streams that the call only checks, too, and deletes them at the end. Until then, other transactions
    -- that want to create them wait.
    with created as (
      insert into :schema.streams as s (stream_id, version, created_at)
      select n.id, 0, _now from unnest(stream_ids) as n (id) order by n.id collate "C"
      on conflict do nothing
      returning s.stream_id
    )
    select coalesce(array_agg(c.stream_id order by c.stream_id collate "C"), '{}') into _created from created c;
  end if;
  for _stream in select * from :schema.lock_streams(stream_ids, atomic) loop
    _locked[_stream.place] := true;
    -- Both lists are in the same order, so that no stream needs a search among the created ones.
    if stream_ids[_stream.place] = _created[_created_at] then
      _created_at := _created_at + 1;
    else
      _versions[_stream.place] := _stream.version;
    end if;
    -- Times never decrease in a stream, even if the clock steps back.
    _times[_stream.place] := greatest(_now, _stream.last_recorded_at);
  end loop;
  if retried then
    -- Check after locking: an earlier attempt may have been about to commit.
    foreach _at in array :schema.recorded_owners(owners, event_ids) loop
      _repeated[_at] := true;
    end loop;
  end if;

  -- 2. Decide, append by append.
  for _at in 1 .. cardinality(places) loop
    _place := places[_at];
    versions[_at] := coalesce(_versions[_place], 0);
    if _repeated[_at] then
      outcomes[_at] := 'repeated';
    elsif _busy[_place] then
      outcomes[_at] := 'busy';
    elsif :schema.is_expected(expected_versions[_at], _versions[_place]) then
      outcomes[_at] := 'appended';
      recorded_ats[_at] := _times[_place];
      if event_counts[_at] > 0 then
        versions[_at] := versions[_at] + event_counts[_at];
        _versions[_place] := versions[_at];
        _moved[_place] := true;
      end if;
    elsif _versions[_place] is null and not _locked[_place] then
      -- Either another transaction has locked the stream, or it does not exist. This statement cannot tell which.
      outcomes[_at] := 'busy';
      _busy[_place] := true;
    else
      outcomes[_at] := 'conflict';
    end if;
  end loop;

  if atomic and 'appended' <> any (outcomes) then
    delete from :schema.streams s where s.stream_id = any (_created);
    -- A repeat of this call can look like a conflict of one stream. Then the other appends must be reported as repeats
    -- too.
    foreach _at in array :schema.recorded_owners(owners, event_ids) loop
      outcomes[_at] := 'repeated';
    end loop;
    return;
  end if;

  -- 3. Update the versions of the streams.
  if not atomic then
    select array_agg(m.place::int) into _new
    from unnest(_moved, _locked) with ordinality as m (moved, locked, place)
    where m.moved and not m.locked;
    if _new is not null then
      _created := :schema.try_create_streams(
        array(select stream_ids[n.place] from unnest(_new) with ordinality as n (place, at) order by n.at),
        array(select _versions[n.place] from unnest(_new) with ordinality as n (place, at) order by n.at),
        _now);
      if cardinality(_created) < cardinality(_new) then
        for _at in 1 .. cardinality(places) loop
          if not _locked[places[_at]] and stream_ids[places[_at]] <> all (_created) then
            outcomes[_at] := 'busy';
          end if;
        end loop;
      end if;
    end if;
  end if;
  if true = any (_moved) then
    update :schema.streams s
    set version = _versions[m.place], last_recorded_at = _times[m.place]
    from unnest(_moved, _locked) with ordinality as m (moved, locked, place)
    where m.moved and m.locked and s.stream_id = stream_ids[m.place];
  end if;
  if atomic then
    delete from :schema.streams s where s.stream_id = any (_created) and s.version = 0;
  end if;

  -- 4. Insert the events.
  if cardinality(event_ids) > 0 and 'appended' = any (outcomes) then
    perform :schema.mark_writer(inline_names, inline_versions);
    with inserted as (
      insert into :schema.events
        (position, version, recorded_at, event_id, stream_id, type, data, metadata, tags)
      select
        nextval(':schema.event_positions'),
        versions[e.owner] - event_counts[e.owner] + e.nth,
        recorded_ats[e.owner],
        e.event_id,
        stream_ids[places[e.owner]],
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

  -- 5. Distinguish repeats from conflicts. A repeat may be of another append of this call.
  if 'conflict' = any (outcomes) then
    foreach _at in array :schema.recorded_owners(owners, event_ids) loop
      if outcomes[_at] = 'conflict' then
        outcomes[_at] := 'repeated';
      end if;
    end loop;
  end if;
end
$$;
