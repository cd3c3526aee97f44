-- $1 subscriptions $2 places $3 versions $4 workers $5 milliseconds
select
  k.beat, k.kind, k.share, k.is_paused::text as is_paused, k.partitions, k.skip, k.parked_requests::text as parked_requests,
  k.leased, k.tokens, k.positions, :server as server
from :schema.keep_leases($1::text::text[], $2::text::text[], $3::text::int[], $4::text::text[], $5::text::int[]) k
