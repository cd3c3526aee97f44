-- $1 subscription $2 definition $3 position $4 lock timeout (or null)
select
:subscription_columns
from :schema.create_subscription($1::text, $2::text::json, $3::text::bigint, $4::text) s
