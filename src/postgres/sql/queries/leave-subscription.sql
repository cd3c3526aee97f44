-- $1 place $2 worker
select :schema.leave_subscription($1::text, $2::text)::text
