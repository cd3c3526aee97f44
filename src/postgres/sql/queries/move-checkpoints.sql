-- $1 subscription $2 position
with moved as (
  update :schema.checkpoints c set position = $2::text::bigint, token = c.token + 1, owner = null, lease_until = null
  where c.subscription = $1::text
  returning 1
)
insert into :schema.checkpoints (subscription, partition, position)
select $1::text, 0, $2::text::bigint where not exists (select from moved)
