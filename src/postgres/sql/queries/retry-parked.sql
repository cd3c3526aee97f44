-- $1 subscription $2 position
with found as (
  select from :schema.parked_events p where p.subscription = $1::text and p.position = $2::text::bigint
),
retried as (
  update :schema.parked_events p set state = 'retrying'
  where p.subscription = $1::text and p.position = $2::text::bigint and p.state = 'parked'
  returning 1
)
select (exists (select from found))::text as found, (select count(*) from retried)::text as retried
