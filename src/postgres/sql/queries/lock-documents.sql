-- $1 projections $2 generations $3 keys $4 lock timeout (or null)
select d.place, d.state::text, d.revision::text, d.changed_at::text as position
from :schema.lock_documents($1::text::text[], $2::text::int[], $3::text::text[], $4::text) d
