-- $1 subscription $2 worker $3 milliseconds
select k.partition, k.token::text, k.checkpoint::text as position, k.share, :server as server
from :schema.keep_leases($1::text, $2::text, $3::text::int) k
order by k.partition
