-- $1 places $2 partitions $3 tokens $4 the servers that granted the leases. The leases of another server do not count.
select r as busy
from :schema.release_leases(
  array(
    select case when l.server = :server then l.place end
    from unnest($1::text::text[], $4::text::text[]) as l (place, server)
  ),
  $2::text::int[],
  $3::text::bigint[]
) r
