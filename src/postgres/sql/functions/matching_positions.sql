-- Finds the first events that match a filter of log_page, at most `most`. Forward, an event must exist at after + 1;
-- backward, at until. positions: in the direction of the read; null if no search below applies, so that log_page must
-- read each event. reached: the position of the last event that the search has passed; null if no more can match.
--
-- - A prefix of at most 300 streams that have at most 5,000 events together: reads the positions of these events. This
--   search cannot notice that the row of a stream is missing.
-- - Types, if events has the index for them, see has_type_index: reads the entries of the index. With further
--   conditions, the search ends after 10,000 events of these types.
-- - Any other prefix, or a partition: the search ends after 20,000 positions, because looking up a stream takes several
--   times as long as reading an event. It looks up the streams of many events together.
create or replace function :schema.matching_positions(
  after bigint,
  until bigint,
  only_types text[],
  stream_prefix text,
  only_tags text[],
  part_index int,
  part_count int,
  forward boolean,
  most int,
  out positions bigint[],
  out reached bigint
)
language plpgsql stable
-- The plans are fixed, as in log_page.
set plan_cache_mode = force_generic_plan
set jit = off
set enable_seqscan = off
set enable_bitmapscan = off
set enable_sort = off
set enable_hashjoin = off
set enable_mergejoin = off
as $$
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
          filter (where part_count is null or :schema.part_of_stream(s.stream_id, part_count) = part_index),
        count(*),
        coalesce(sum(s.version), 0)
      into _matching_keys, _stream_count, _event_count
      from :schema.list_streams(stream_prefix, '', 301) s;
      if _stream_count <= 300 and _event_count <= 5000 then
        positions := array(
          select e.position
          from unnest(_matching_keys) k (stream_key)
          -- Without "offset 0", the planner could choose a scan of all positions.
          cross join lateral (
            select * from :schema.events e where e.stream_key = k.stream_key order by e.version offset 0
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
    if only_types is not null and :schema.has_type_index() then
      -- If at least every tenth event has one of the types, it is faster to read all events.
      _candidates := :schema.positions_of_types(only_types, after, until, forward, 100);
      _by_index := cardinality(_candidates) < 100 or abs(_candidates[100] - _candidates[1]) > 1000;
    end if;
    if _by_index and not _by_stream and only_tags is null then
      positions := :schema.positions_of_types(only_types, after, until, forward, most);
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
      _candidates := :schema.positions_of_types(only_types, after, until, forward, _size);
      _end := _candidates[_size];
      select array_agg(e.position), array_agg(e.stream_key) into _candidates, _candidate_keys
      from unnest(_candidates) c (position)
      cross join lateral (select * from :schema.events e where e.position = c.position limit 1) e
      where only_tags is null or e.tags @> only_tags;
    else
      _end := case
        when forward and after + _size < until then after + _size
        when not forward and until - _size > after then until - _size + 1
      end;
      select array_agg(e.position), array_agg(e.stream_key) into _candidates, _candidate_keys
      from :schema.events e
      where e.position > case when forward then after else coalesce(_end - 1, after) end
        and e.position <= case when forward then coalesce(_end, until) else until end
        and (only_types is null or e.type = any (only_types))
        and (only_tags is null or e.tags @> only_tags);
    end if;

    if _by_stream then
      _matching_keys := :schema.matching_streams(_candidate_keys, stream_prefix, part_index, part_count);
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
        select max(e.position) into reached from :schema.events e where e.position <= _end;
      else
        select min(e.position) into reached from :schema.events e where e.position >= _end;
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
