-- $1 projection $2 key
-- Uses the table and not the view: the planner can then look the document up by the whole primary key.
select to_json(d.key)::text as key, d.state::text, d.revision::text, d.position::text
from :schema.documents d
where d.projection = $1::text
  and d.generation = coalesce((select p.generation from :schema.projections p where p.name = $1::text), 0)
  and d.key = $2::text and d.state is not null
