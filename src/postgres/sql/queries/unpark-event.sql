-- $1 subscription $2 partition $3 token $4 position
with held as (
  select from :schema.checkpoints c
  where c.subscription = $1::text and c.partition = $2::text::int and c.token = $3::text::bigint and c.owner is not null
  for update
),
forgotten as (
  delete from :schema.parked_events p
  where p.subscription = $1::text and p.position = $4::text::bigint and exists (select from held)
  returning 1
)
select (exists (select from held))::text as held, (select count(*) from forgotten)::text as forgotten
