-- $1 subscription $2 worker
with released as (
  update :schema.checkpoints c set owner = null, lease_until = null
  where c.subscription = $1::text and c.owner = $2::text
)
delete from :schema.workers w where w.subscription = $1::text and w.worker = $2::text
