-- $1 subscription $2 worker
delete from :schema.workers w where w.subscription = $1::text and w.worker = $2::text
