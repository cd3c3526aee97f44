-- $1 subscription
select
:subscription_columns
from :schema.subscriptions s
where s.name = $1::text
