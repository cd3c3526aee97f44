-- $1 channel $2 id of the notifying store
select pg_notify($1::text, $2::text)::text as done
