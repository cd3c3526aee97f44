-- $1 subscription $2 place (or null) $3 revision $4 whether an earlier call may be executed $5 lock timeout (or null)
select :schema.remove_subscription($1::text, $2::text, $3::text::bigint, $4::text::boolean, $5::text)::text as done
