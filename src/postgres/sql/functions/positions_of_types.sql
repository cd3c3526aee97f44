-- Returns the positions of the first events of some types, in the direction of the read, from the index by type and
-- position. The index must exist: see has_type_index. after: exclusive. until: inclusive. most: maximum number of
-- positions.
--
-- Each type is a range of the index. Reading the first `most` entries of every range is slow if there are many types.
-- So the loop first reads a few entries of each range, and more while there are fewer than `most` in total. No event
-- beyond the `most`-th of them can belong to the result, so the last pass reads each range up to there.
create or replace function :schema.positions_of_types(
  types text[],
  after bigint,
  until bigint,
  forward boolean,
  most int
)
returns bigint[]
language plpgsql stable
-- The plan is fixed, as in log_page.
set plan_cache_mode = force_generic_plan
set jit = off
set enable_seqscan = off
set enable_bitmapscan = off
set enable_sort = off
as $$
declare
  _types constant text[] := array(select distinct t.type from unnest(types) t (type));
  _each int := most / greatest(cardinality(_types), 1) + 1;
  _positions bigint[];
  -- How many types may have more entries than the pass has read.
  _full int;
begin
  loop
    -- Compares and sorts rows by (type, position). Only this index supports that, so the planner has no other choice,
    -- even with wrong statistics about a type.
    select
      coalesce(array_agg(f.position order by case when forward then f.position else -f.position end), '{}'),
      count(*) filter (where f.place = _each)
    into _positions, _full
    from unnest(_types) t (type)
    cross join lateral (
      (
        select e.position, row_number() over (order by e.type, e.position) as place
        from :schema.events e
        where forward and (e.type, e.position) > (t.type, after) and (e.type, e.position) <= (t.type, until)
        order by e.type, e.position
        limit _each
      )
      union all
      (
        select e.position, row_number() over (order by e.type desc, e.position desc) as place
        from :schema.events e
        where not forward and (e.type, e.position) > (t.type, after) and (e.type, e.position) <= (t.type, until)
        order by e.type desc, e.position desc
        limit _each
      )
    ) f;
    exit when _full = 0 or _each > most;
    if cardinality(_positions) < most then
      _each := most / _full + 1;
    else
      if forward then
        until := _positions[most];
      else
        after := _positions[most] - 1;
      end if;
      _each := most + 1;
    end if;
  end loop;
  return _positions[:most];
end
$$;
