-- $1 place $2 partition $3 limit
select
:parked_columns
from :schema.parked_to_handle($1::text, $2::text::int, $3::text::bigint) p
order by p.position
