-- $1 subscription $2 place $3 revision $4 change id $5 definition (or null) $6 partitions (or null) $7 position (or null)
-- $8 lock timeout (or null)
select :schema.change_subscription(
  $1::text,
  $2::text,
  $3::text::bigint,
  $4::text::uuid,
  $5::text::json,
  $6::text::int,
  $7::text::bigint,
  $8::text
)::text as done
