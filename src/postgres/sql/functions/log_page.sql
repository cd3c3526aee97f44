-- Returns one page of the log together with the frontier that bounds it.
--
-- after: exclusive. until: inclusive.
-- only_types, stream_prefix, only_tags (an event must have all of them), part_index and part_count: null for no filter.
-- row_size: maximum number of events in a row. A page ends after max_events, or once it has 16 MiB of data and
-- metadata. If there is a filter, it also ends after 50,000 positions, whether their events match or not: a filter that
-- few events match must not make one statement read the whole log.
--
-- The events come as columns, see event_columns. Here the columns are text, which the client parses only when the
-- reader uses the page, while the server makes the next one.
-- The last row has no events. It has frontier, is_cut (the page ended because of its size or its positions) and through:
-- the last event, filtered or not, that the page has passed in its direction; 0: none. It is the position of an event
-- that exists, because positions without an event may be assigned again after a crash. Not meaningful for a page that
-- ended after max_events.
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
  row_size int
)
returns table (
  frontier bigint,
  through bigint,
  is_cut boolean,
  event_count int,
  positions text,
  versions text,
  recorded_ats text,
  event_ids text,
  types text,
  data text,
  metadata text,
  tags text,
  stream_ids text
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
  _most_positions constant bigint := 50000;
  _ends_early boolean := false;
begin
  -- At any other level the page would be read in a snapshot older than the frontier.
  if current_setting('transaction_isolation') <> 'read committed' then
    raise exception 'log_page needs READ COMMITTED' using errcode = 'ES001';
  end if;
  _frontier := case when forward then :schema.frontier_after(after) else :schema.frontier() end;
  until := least(until, _frontier);
  if coalesce(only_types, only_tags) is not null or stream_prefix is not null or part_count is not null then
    -- The positions count from an event that exists, so that every page passes at least one event.
    if forward then
      select e.position into _first from :schema.events e where e.position > after order by e.position limit 1;
      _ends_early := until >= _first + _most_positions;
      if _ends_early then
        until := _first + _most_positions - 1;
      end if;
    else
      select e.position into _last from :schema.events e where e.position <= until order by e.position desc limit 1;
      _ends_early := after < _last - _most_positions;
      if _ends_early then
        after := _last - _most_positions;
      end if;
    end if;
  end if;
  -- Each statement below takes its snapshot after the frontier was read, and the log up to the frontier never changes.
  while _left > 0 and _size < 16777216 loop
    _row_size := least(_events_per_row, _left, greatest(until - after, 1));
    _share := case when _row_size > 1 then :row_budget / _row_size else 2147483647 end;
    if forward then
      select :event_columns, to_json(array_agg(e.stream_id))::text, min(e.position), max(e.position)
      into event_count, positions, versions, recorded_ats, event_ids, types, _fitting, data, metadata, tags, stream_ids,
        _first, _last
      from (
        select e.*, s.stream_id, :stored_size as size
        from :schema.events e
        join :schema.streams s on s.stream_key = e.stream_key
        where e.position > after and e.position <= until
          and (only_types is null or e.type = any (only_types))
          and (stream_prefix is null or starts_with(s.stream_id, stream_prefix))
          and (only_tags is null or e.tags @> only_tags)
          and (part_count is null or :schema.part_of_stream(s.stream_id, part_count) = part_index)
        order by e.position
        limit _row_size
      ) e;
    else
      select :event_columns, to_json(array_agg(e.stream_id))::text, min(e.position), max(e.position)
      into event_count, positions, versions, recorded_ats, event_ids, types, _fitting, data, metadata, tags, stream_ids,
        _first, _last
      from (
        select e.*, s.stream_id, :stored_size as size
        from :schema.events e
        join :schema.streams s on s.stream_key = e.stream_key
        where e.position > after and e.position <= until
          and (only_types is null or e.type = any (only_types))
          and (stream_prefix is null or starts_with(s.stream_id, stream_prefix))
          and (only_tags is null or e.tags @> only_tags)
          and (part_count is null or :schema.part_of_stream(s.stream_id, part_count) = part_index)
        order by e.position desc
        limit _row_size
      ) e;
    end if;
    exit when event_count = 0;
    if data is null then
      _events_per_row := _fitting;
    else
      return next;
      exit when event_count < _row_size;
      _events_per_row := least(row_size, 2 * _events_per_row, _fitting);
      _left := _left - event_count;
      _size := _size + octet_length(data) + coalesce(octet_length(metadata), 0);
      if forward then
        after := _last;
      else
        until := _first - 1;
      end if;
    end if;
  end loop;
  frontier := _frontier;
  event_count := 0;
  is_cut := _left > 0 and (_size >= 16777216 or coalesce(_ends_early, false));
  if _left > 0 and _size >= 16777216 then
    through := case when forward then _last else _first end;
  elsif forward then
    select coalesce(max(e.position), 0) into through from :schema.events e where e.position <= until;
  else
    select coalesce(min(e.position), 0) into through from :schema.events e where e.position > after;
  end if;
  return next;
end
$$;
