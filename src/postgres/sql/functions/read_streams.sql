-- Reads the first events of many streams in one call, or the last ones if backward: for each read the range that
-- stream_part computes, at most 100 events. Returns one row per read, with its 1-based place in the list.
create or replace function :schema.read_streams(
  stream_ids text[],
  first_versions bigint[],
  last_versions bigint[],
  as_ofs timestamptz[],
  mosts bigint[],
  backwards boolean[]
)
returns table (
  place int,
  stream_version bigint,
  lower_version bigint,
  upper_version bigint,
  event_count int,
  positions varchar,
  versions varchar,
  recorded_ats varchar,
  event_ids varchar,
  types varchar,
  fitting int,
  data varchar,
  metadata varchar,
  tags varchar
)
language plpgsql stable
-- The plan is made once per session, perhaps while the tables are nearly empty. It must be lookups by key, which are
-- right for any size and any number of streams.
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_bitmapscan = off
set enable_hashjoin = off
set enable_mergejoin = off
set enable_sort = off
set jit = off
as $$
begin
  return query
  select asked.place::int, part.stream_version, part.lower_version, part.upper_version, columns.*
  from unnest(stream_ids, first_versions, last_versions, as_ofs, mosts, backwards)
    with ordinality as asked (stream_id, first_version, last_version, as_of, most, backward, place)
  left join lateral (
    :stream_part
  ) part on true
  cross join lateral (
    select case
      when part.upper_version > part.lower_version
      then :row_budget / least(100, part.upper_version - part.lower_version + 1)
      else 2147483647
    end as _share
  ) row
  cross join lateral (
    select :event_columns
    from (
      select *, :stored_size as size from :schema.events e
      where e.stream_key = part.stream_key
        and e.version between part.lower_version and part.upper_version
      order by e.version
      limit 100
    ) e
  ) columns;
end
$$;
