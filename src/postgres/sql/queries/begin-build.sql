-- $1 name $2 version $3 mode
select b.generation, b.resumed::text from :schema.begin_build($1::text, $2::text::int, $3::text) b
