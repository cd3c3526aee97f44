-- Creates the partitions of a subscription if it has none. Returns how many it has.
create or replace function :schema.create_subscription(of_subscription text, partitions int, from_position bigint)
returns bigint
language plpgsql
:as_owner
as $$
begin
  insert into :schema.checkpoints (subscription, partition, position)
  select of_subscription, part, from_position
  from generate_series(0, partitions - 1) part
  where not exists (select from :schema.checkpoints c where c.subscription = of_subscription)
  on conflict do nothing;
  return (select count(*) from :schema.checkpoints c where c.subscription = of_subscription);
end
$$;
