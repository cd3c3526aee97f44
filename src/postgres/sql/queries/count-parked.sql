-- $1 subscription
select count(*)::text as parked from :schema.parked_events p
where p.place = (select s.place from :schema.subscriptions s where s.name = $1::text)
