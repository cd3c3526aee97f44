-- $1 after $2 limit
select
:subscription_columns
from :schema.subscriptions s
where s.name > $1::text
order by s.name
limit $2::text::bigint
