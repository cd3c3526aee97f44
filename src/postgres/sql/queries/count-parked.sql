-- $1 subscription
select count(*)::text as parked from :schema.parked_events p where p.subscription = $1::text
