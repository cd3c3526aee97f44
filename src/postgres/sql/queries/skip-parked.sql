-- $1 subscription $2 position
delete from :schema.parked_events p where p.subscription = $1::text and p.position = $2::text::bigint
returning p.position::text
