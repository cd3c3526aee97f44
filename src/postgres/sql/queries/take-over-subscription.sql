-- $1 subscription $2 place $3 revision $4 change id $5 successor $6 definition $7 lock timeout (or null)
select :schema.take_over_subscription(
  $1::text,
  $2::text,
  $3::text::bigint,
  $4::text::uuid,
  $5::text,
  $6::text::json,
  $7::text
)::text as done
