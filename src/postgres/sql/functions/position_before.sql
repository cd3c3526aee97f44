-- Finds the first event, in the order of the log, that was recorded at or after a time. Returns the position before it,
-- or the end of the log.
--
-- after: null begins the search. A call scans about 50,000 positions at most. If that is not enough, is_found is false,
-- and the caller continues with the returned position as `after`.
--
-- Times rise with the positions, with two exceptions: the clocks of the servers differ by up to a minute, and imported
-- events keep their times, which may be up to a minute in the future. So no event that was written more than two minutes
-- before the time can be the answer. A binary search finds the first event that was written later than that. From there
-- on, the function scans each event, but skips an import whose latest event is too old.
create or replace function :schema.position_before(
  recorded_at timestamptz,
  after bigint,
  out "position" bigint,
  out is_found boolean
)
language plpgsql stable
:as_owner
-- The plans are made once per session, perhaps while the tables are nearly empty. They must be the ordered index scans,
-- which are right for any size.
set plan_cache_mode = force_generic_plan
set jit = off
set enable_seqscan = off
set enable_bitmapscan = off
set enable_sort = off
as $$
#variable_conflict use_column
declare
  _time constant timestamptz := recorded_at;
  _written_at constant timestamptz := recorded_at - interval '2 minutes';
  _after bigint := after;
  _high bigint;
  _middle bigint;
  _last bigint;
  _latest timestamptz;
  _next bigint;
  _until bigint;
  _import record;
  _left bigint := 50000;
begin
  if after is null then
    _after := 0;
    select coalesce(max(e.position), 0) into _high from :schema.events e;
    while _after < _high loop
      _middle := (_after + _high) / 2;
      -- The latest time of up to 20 events, because an event whose append waited long for its stream has an earlier time
      -- than its neighbours.
      select max(coalesce(i.imported_at, e.recorded_at)), max(e.position) into _latest, _last
      from (
        select e.position, e.recorded_at from :schema.events e
        where e.position > _middle and e.position <= _high
        order by e.position
        limit 20
      ) e
      left join lateral (
        select * from :schema.imports i where i.last_position >= e.position order by i.last_position limit 1
      ) i on i.first_position <= e.position;
      if _latest < _written_at then
        _after := _last;
      else
        _high := _middle;
      end if;
    end loop;
  end if;

  while _left > 0 loop
    select e.position into _next from :schema.events e where e.position > _after order by e.position limit 1;
    if _next is null then
      select coalesce(max(e.position), 0) into "position" from :schema.events e;
      is_found := true;
      return;
    end if;
    select * into _import from :schema.imports i where i.last_position >= _next order by i.last_position limit 1;
    if _import.first_position <= _next then
      _until := _import.last_position;
      _left := _left - 10;
    else
      _until := least(_next + _left, _import.first_position) - 1;
      _left := _left - (_until - _next + 1);
    end if;
    if _import.first_position > _next or _import.latest >= _time or _import.latest is null then
      select e.position - 1 into "position"
      from :schema.events e
      where e.position between _next and _until and e.recorded_at >= _time
      order by e.position
      limit 1;
      is_found := "position" is not null;
      if is_found then
        return;
      end if;
    end if;
    _after := _until;
  end loop;
  "position" := _after;
  is_found := false;
end
$$;
