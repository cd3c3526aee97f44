-- $1 projection $2 generation to keep (or null: forget the build)
select :schema.drop_documents($1::text, $2::text::int)::text as dropped
