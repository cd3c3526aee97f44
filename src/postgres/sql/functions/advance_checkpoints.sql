-- Moves checkpoints forward, never back. Does not wait for other transactions. Returns one outcome for each move, with its
-- 1-based number: 'moved'; 'busy' if another transaction holds the checkpoint, or has just ended the
-- lease; 'lost' if the lease is lost.
create or replace function :schema.advance_checkpoints(
  places text[],
  partitions int[],
  tokens bigint[],
  servers text[],
  positions bigint[]
)
returns table (move int, outcome text)
language plpgsql
:as_owner
:plans_by_key
as $$
begin
  return query
  with moves as materialized (
    select m.number, m.place, m.partition, m.token, m.position
    from unnest(places, partitions, tokens, servers, positions) with ordinality
      as m (place, partition, token, server, position, number)
    -- A new primary may lack the grant of the lease, and may have granted another lease with the same token.
    where m.server = :server
    order by m.place collate "C", m.partition
  ),
  held as materialized (
    select m.number, m.place, m.partition, m.position as target, c.position
    from moves m
    cross join lateral (
      select c.position from :schema.checkpoints c
      where c.place = m.place and c.partition = m.partition and c.token = m.token and c.owner is not null
      for update skip locked
    ) c
  ),
  moved as (
    update :schema.checkpoints c set position = h.target
    from held h
    where c.place = h.place and c.partition = h.partition and h.position < h.target
  )
  select
    n.number::int,
    case
      when exists (select from held h where h.number = n.number) then 'moved'
      when exists (
        select from moves m
        join :schema.checkpoints c
          on c.place = m.place and c.partition = m.partition and c.token = m.token and c.owner is not null
        where m.number = n.number
      ) then 'busy'
      else 'lost'
    end
  from generate_series(1, cardinality(places)) as n (number);
end
$$;
