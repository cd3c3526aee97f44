-- $1 projection $2 key
select to_json(v.key)::text as key, v.state::text, v.revision::text, v.position::text
from :schema.views v where v.projection = $1::text and v.key = $2::text
