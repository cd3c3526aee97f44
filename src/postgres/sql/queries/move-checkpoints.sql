-- $1 subscription $2 position
select :schema.move_checkpoints($1::text, $2::text::bigint)::text
