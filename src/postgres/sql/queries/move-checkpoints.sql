-- $1 subscription $2 definition $3 position
select :schema.move_checkpoints($1::text, $2::text::json, $3::text::bigint)::text
