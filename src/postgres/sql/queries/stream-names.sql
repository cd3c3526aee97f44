-- $1 keys
select :schema.stream_names($1::text::bigint[]) as names, :keys_origin as origin
