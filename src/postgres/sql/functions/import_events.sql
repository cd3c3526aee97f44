-- Appends events that were recorded elsewhere, in the order given, leaving out those whose id is recorded in
-- their stream already. Per stream: its id. Per event: the stream's place in that list (owner), the event, and
-- when it was recorded (null: now).
--
-- Time in a stream never steps back: an event older than its stream's last one is recorded at that one's time
-- if clamp_times, and otherwise nothing is imported and the answer says which it is.
--
-- imported: how many; null if refused, and then stream_id with recorded_at and previous_at (out of order), or with
-- event_id (that id is recorded in this other stream).
create or replace function :schema.import_events(
  stream_ids text[],
  owners int[],
  event_ids uuid[],
  types text[],
  data json[],
  metadata json[],
  tags text[],
  recorded_ats timestamptz[],
  clamp_times boolean,
  out imported int,
  out stream_id text,
  out event_id uuid,
  out recorded_at timestamptz,
  out previous_at timestamptz
)
language plpgsql
-- Plans are made once in a session, perhaps while the tables are nearly empty: they must be the lookups by key
-- that are right for any size.
set enable_seqscan = off
set enable_bitmapscan = off
set enable_hashjoin = off
set enable_mergejoin = off
set jit = off
as $$
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
    insert into :schema.streams (stream_id, version, created_at)
    select s.id, 0, _now from unnest(stream_ids) as s (id) order by s.id collate "C"
    on conflict do nothing;

    select array_agg(l.version order by l.owner), array_agg(l.last_recorded_at order by l.owner)
    into _versions, _last
    from (
      select a.owner, s.version, s.last_recorded_at
      from (
        select * from unnest(stream_ids) with ordinality as s (id, owner) order by s.id collate "C"
      ) a
      cross join lateral (select * from :schema.streams s where s.stream_id = a.id for update) s
    ) l;

    select r.stream_id, r.event_id into stream_id, event_id
    from unnest(owners, event_ids) as e (owner, event_id)
    cross join lateral (select * from :schema.events r where r.event_id = e.event_id limit 1) r
    where r.stream_id <> stream_ids[e.owner]
    limit 1;
    if found then
      raise exception 'undo' using errcode = 'ES002';
    end if;

    perform :schema.mark_writer();
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
    inserted as (
      insert into :schema.events
        (position, version, recorded_at, event_id, stream_id, type, data, metadata, tags)
      select
        nextval(':schema.event_positions'),
        _versions[e.owner] + e.nth,
        e.reached,
        e.event_id,
        stream_ids[e.owner],
        e.type,
        e.data,
        e.metadata,
        e.tags::text[]
      from (select * from fresh order by at) e
    ),
    moved as (
      update :schema.streams s
      set version = s.version + m.event_count, last_recorded_at = m.reached
      from (
        select f.owner, count(*) as event_count, max(f.reached) as reached from fresh f group by f.owner
      ) m
      where s.stream_id = stream_ids[m.owner]
    ),
    late as (
      select stream_ids[f.owner] as stream_id, f.recorded_at, f.reached
      from fresh f
      where not clamp_times and f.recorded_at < f.reached
      order by f.at
      limit 1
    )
    select (select count(*) from fresh), l.stream_id, l.recorded_at, l.reached
    into imported, stream_id, recorded_at, previous_at
    from (values (1)) as one (row)
    left join late l on true;

    if stream_id is not null then
      imported := null;
      raise exception 'undo' using errcode = 'ES002';
    end if;
  exception when sqlstate 'ES002' then
    -- Everything is as it was, while the answer is kept.
    return;
  end;
end
$$;
