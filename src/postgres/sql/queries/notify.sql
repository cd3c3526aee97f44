-- $1 channel $2 who notifies
select pg_notify($1::text, $2::text)::text as done
