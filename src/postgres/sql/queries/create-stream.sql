-- $1 stream id $2 metadata (or null) $3 creation id $4 lock timeout (or null)
select c.created::text, c.version::text, ((date_part('epoch', c.created_at) * 1000)::bigint)::text as created_at
from :schema.create_stream($1::text, $2::text::json, $3::text::uuid, $4::text) c
