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
:as_owner
-- The plans are made once per session, perhaps while the tables are nearly empty. They must be lookups by key, which
-- are right for any size.
set enable_seqscan = off
set enable_bitmapscan = off
set enable_hashjoin = off
set enable_mergejoin = off
set jit = off
as $$
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
$$;
