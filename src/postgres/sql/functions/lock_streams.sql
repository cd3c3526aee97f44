-- Locks the streams of the list that exist. Returns each locked stream with its 1-based place in the list.
-- wait: true waits for a stream that another transaction has locked, false skips it.
--
-- All transactions lock streams in the same order, so that two calls never wait for each other.
create or replace function :schema.lock_streams(stream_ids text[], wait boolean)
returns table (place int, version bigint, last_recorded_at timestamptz)
language plpgsql
-- The plans are made once per session, perhaps while the tables are nearly empty. They must be lookups by key, which
-- are right for any size.
set enable_seqscan = off
set enable_bitmapscan = off
set enable_hashjoin = off
set enable_mergejoin = off
set jit = off
as $$
begin
  if wait then
    return query
    select a.place::int, s.version, s.last_recorded_at
    from (select * from unnest(stream_ids) with ordinality as s (id, place) order by s.id collate "C") a
    cross join lateral (select * from :schema.streams s where s.stream_id = a.id for no key update) s;
  else
    return query
    select a.place::int, s.version, s.last_recorded_at
    from (select * from unnest(stream_ids) with ordinality as s (id, place) order by s.id collate "C") a
    cross join lateral (
      select * from :schema.streams s where s.stream_id = a.id for no key update skip locked
    ) s;
  end if;
end
$$;
