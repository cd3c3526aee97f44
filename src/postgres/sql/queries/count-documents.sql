-- $1 projection
select count(*)::text as documents
from :schema.documents d
where d.projection = $1::text
  and d.generation = coalesce((select p.generation from :schema.projections p where p.name = $1::text), 0)
  and d.state is not null
