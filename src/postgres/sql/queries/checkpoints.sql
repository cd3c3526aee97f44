-- $1 subscription
select c.partition, c.position::text, case when c.lease_until > clock_timestamp() then c.owner end as owner
from :schema.checkpoints c where c.subscription = $1::text order by c.partition
