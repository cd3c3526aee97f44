-- $1 subscription $2 partition $3 token
update :schema.checkpoints c set owner = null, lease_until = null
where c.subscription = $1::text and c.partition = $2::text::int and c.token = $3::text::bigint
