-- Returns up to `most` parked events that the owner of a partition must handle now, in order of position: the retrying
-- events, and the first blocked event of each stream unless an earlier event of the stream is parked.
--
-- `blocked` moves from stream to stream in the index, so that it reads only the first blocked event of each stream.
create or replace function :schema.parked_to_handle(of_place text, of_partition int, most bigint)
returns setof :schema.parked_events
language plpgsql
:as_owner
-- The plan is made once per session, perhaps while the table is nearly empty. It must be lookups in the indexes, which
-- are right for any size.
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_bitmapscan = off
set enable_hashjoin = off
set enable_mergejoin = off
set jit = off
as $$
begin
  return query
  with recursive blocked as (
    (
      select p.stream_id, p.position from :schema.parked_events p
      where p.place = of_place and p.partition = of_partition and p.state = 'blocked'
      order by p.stream_id, p.position
      limit 1
    )
    union all
    select next.stream_id, next.position
    from blocked b
    cross join lateral (
      select p.stream_id, p.position from :schema.parked_events p
      where p.place = of_place and p.partition = of_partition and p.state = 'blocked'
        and p.stream_id > b.stream_id
      order by p.stream_id, p.position
      limit 1
    ) next
  ),
  due as (
    select b.position from blocked b
    where b.position = (
      select p.position from :schema.parked_events p
      where p.place = of_place and p.stream_id = b.stream_id
      order by p.position
      limit 1
    )
    union all
    (
      select p.position from :schema.parked_events p
      where p.place = of_place and p.partition = of_partition and p.state = 'retrying'
      order by p.position
      limit most
    )
  ),
  first as (select d.position from due d order by d.position limit most)
  select p.*
  from first f
  -- `offset 0` keeps the condition on the position inside. Without it, statistics of a small table can make it a filter
  -- of the join, behind a read of all parked events of the subscription.
  cross join lateral (
    select * from :schema.parked_events p
    where p.place = of_place and p.position = f.position
    offset 0
  ) p
  order by f.position;
end
$$;
