-- $1 time $2 the position to continue after (null: begin)
select p.position::text, p.is_found::text
from :schema.position_before($1::text::timestamptz, $2::text::bigint) p
