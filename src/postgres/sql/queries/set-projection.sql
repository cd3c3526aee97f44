-- $1 name $2 version $3 generation $4 mode
select :schema.set_projection($1::text, $2::text::int, $3::text::int, $4::text)::text
