-- $1 projection $2 prefix $3 after $4 limit
select to_json(d.key)::text as key, d.state::text, d.revision::text, d.position::text
from :schema.documents d
where d.projection = $1::text
  and d.generation = coalesce((select p.generation from :schema.projections p where p.name = $1::text), 0)
  and d.key >= $2::text collate "C" and d.key > $3::text collate "C"
  and starts_with(d.key, $2::text) and d.state is not null
order by d.key
limit $4::text::bigint
