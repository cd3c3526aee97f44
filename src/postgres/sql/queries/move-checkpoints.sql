-- $1 subscription $2 position: what was set aside up to there is done
with forgotten as (
  delete from :schema.parked_events p where p.subscription = $1::text and p.position <= $2::text::bigint
),
moved as (
  update :schema.checkpoints c set position = $2::text::bigint, token = c.token + 1, owner = null, lease_until = null
  where c.subscription = $1::text
  returning 1
)
insert into :schema.checkpoints (subscription, partition, position)
select $1::text, 0, $2::text::bigint where not exists (select from moved)
