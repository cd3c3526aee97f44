-- Locks those of these streams that exist: each with its place in the list. wait: whether to wait for a stream
-- that another transaction holds, or to leave it out.
--
-- Streams are locked in one order by everyone, so that two calls never wait for each other.
create or replace function :schema.lock_streams(stream_ids text[], wait boolean)
returns table (place int, version bigint, last_recorded_at timestamptz)
language plpgsql
-- Plans are made once in a session, perhaps while the tables are nearly empty: they must be the lookups by key
-- that are right for any size.
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
