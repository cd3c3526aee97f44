-- $1 subscription $2 whether it is paused $3 lock timeout (or null)
select :schema.pause_subscription($1::text, $2::text::boolean, $3::text)::text as done
