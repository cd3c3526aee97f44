-- $1 places $2 partitions $3 tokens $4 the servers that granted the leases $5 positions
select a.move, a.outcome
from :schema.advance_checkpoints(
  $1::text::text[],
  $2::text::int[],
  $3::text::bigint[],
  $4::text::text[],
  $5::text::bigint[]
) a
