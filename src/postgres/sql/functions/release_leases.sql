-- Releases leases, except leases whose tokens are no longer valid. Returns the 1-based numbers of the leases that it has
-- not released because another transaction holds their checkpoints. It does not wait for them: the other checkpoints
-- would stay locked meanwhile.
create or replace function :schema.release_leases(places text[], partitions int[], tokens bigint[]) returns setof int
language plpgsql
:as_owner
:plans_by_key
as $$
begin
  return query
  with released as (
    update :schema.checkpoints c set owner = null
    from unnest(places, partitions, tokens) with ordinality as l (place, partition, token, number)
    cross join lateral (
      select c.place, c.partition from :schema.checkpoints c
      where c.place = l.place and c.partition = l.partition and c.token = l.token and c.owner is not null
      for update skip locked
    ) held
    where c.place = held.place and c.partition = held.partition
    returning l.number
  )
  select l.number::int
  from unnest(places, partitions, tokens) with ordinality as l (place, partition, token, number)
  join :schema.checkpoints c
    on c.place = l.place and c.partition = l.partition and c.token = l.token and c.owner is not null
  where not exists (select from released r where r.number = l.number);
end
$$;
