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
:as_owner
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
as $$
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
    _share := case when _row_size > 1 then :row_budget / _row_size else 2147483647 end;
    if _found is not null then
      :collect_row (
        select e.*, :stored_size as size
        from unnest(_found[_done + 1 : _done + _row_size]) f (position)
        cross join lateral (select * from :schema.events e where e.position = f.position limit 1) e
      ) e;
    elsif forward then
      :collect_row (
        select e.*, :stored_size as size
        from :schema.events e
        where e.position > after and e.position <= until and (only_types is null or e.type = any (only_types))
          and (only_tags is null or e.tags @> only_tags)
        order by e.position
        limit _row_size
      ) e;
    else
      :collect_row (
        select e.*, :stored_size as size
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
$$;
