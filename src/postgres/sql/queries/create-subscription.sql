-- $1 subscription $2 partitions $3 position
with made as (
  insert into :schema.checkpoints (subscription, partition, position)
  select $1::text, part, $3::text::bigint
  from generate_series(0, $2::text::int - 1) part
  where not exists (select from :schema.checkpoints c where c.subscription = $1::text)
  on conflict do nothing
  returning 1
)
select greatest(
  (select count(*) from made),
  (select count(*) from :schema.checkpoints c where c.subscription = $1::text)
)::text as partitions
