-- Gives a place this number of partitions, all with one checkpoint and one token, and without leases.
create or replace function :schema.set_partitions(
  of_place text,
  to_partitions int,
  to_position bigint,
  to_token bigint
) returns void
language plpgsql as $$
begin
  delete from :schema.checkpoints c where c.place = of_place and c.partition >= to_partitions;
  insert into :schema.checkpoints as c (place, partition, position, token)
  select of_place, p.partition, to_position, to_token
  from generate_series(0, to_partitions - 1) as p (partition)
  on conflict on constraint checkpoints_pkey do update
  set position = excluded.position, token = excluded.token, owner = null;
end
$$;
