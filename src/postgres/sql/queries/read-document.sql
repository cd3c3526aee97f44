-- $1 projection $2 key: by the whole key of the table, which the view of documents does not let the planner see
select to_json(d.key)::text as key, d.state::text, d.revision::text, d.position::text
from :schema.documents d
where d.projection = $1::text
  and d.generation = coalesce((select p.generation from :schema.projections p where p.name = $1::text), 0)
  and d.key = $2::text and d.state is not null
