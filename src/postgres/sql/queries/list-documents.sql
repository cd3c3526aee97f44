-- $1 projection $2 prefix $3 after $4 maximum number of documents
select to_json(d.key)::text as key, d.state::text, d.revision::text, d.position::text
from :schema.list_documents($1::text, $2::text, $3::text, $4::text::int) d
