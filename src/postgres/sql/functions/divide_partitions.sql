-- Ends all leases of a subscription, and gives it another number of partitions or another position if they are not null.
-- The caller has locked its row. Waits for the transactions that hold checkpoints.
--
-- With another number of partitions, all begin at the lowest checkpoint. The checkpoints of the former partitions become a
-- skip layer: a worker skips an event that is at or before the checkpoint of the former partition of its stream. With
-- another position, all skip layers are deleted.
--
-- All checkpoints get the same token, higher than all before. So no token is used twice if the number of partitions
-- shrinks and grows again.
create or replace function :schema.divide_partitions(of_place text, to_partitions int, to_position bigint) returns void
language plpgsql
:plans_by_key
as $$
declare
  _checkpoints bigint[];
  _token bigint;
  _lowest bigint;
  _partitions int;
begin
  select array_agg(c.position order by c.partition), max(c.token) + 1, min(c.position)
  into _checkpoints, _token, _lowest
  from (
    select c.partition, c.position, c.token from :schema.checkpoints c
    where c.place = of_place
    order by c.partition
    for update
  ) c;
  _partitions := coalesce(to_partitions, cardinality(_checkpoints));

  if to_position is not null then
    perform :schema.set_partitions(of_place, _partitions, to_position, _token);
    update :schema.subscriptions s set skip = null where s.place = of_place;
  elsif _partitions = cardinality(_checkpoints) then
    update :schema.checkpoints c set owner = null, token = _token where c.place = of_place;
  else
    perform :schema.set_partitions(of_place, _partitions, _lowest, _token);
    update :schema.subscriptions s
    set skip = :schema.layers_above(
      (
        select json_agg(l.layer order by l.number)
        from (
          select e.layer, e.number from json_array_elements(s.skip) with ordinality as e (layer, number)
          union all
          select to_json(_checkpoints), json_array_length(coalesce(s.skip, '[]')) + 1
        ) l
      ),
      _lowest
    )
    where s.place = of_place;
  end if;

  if _partitions <> cardinality(_checkpoints) then
    update :schema.subscriptions s set partitions = _partitions where s.place = of_place;
    update :schema.parked_events p set partition = :schema.part_of_stream(p.stream_id, _partitions)
    where p.place = of_place and p.partition <> :schema.part_of_stream(p.stream_id, _partitions);
  end if;
end
$$;
