-- $1 projections $2 generations $3 keys
select a.place::int, d.state::text, d.revision::text, d.position::text
from unnest($1::text::text[], $2::text::int[], $3::text::text[]) with ordinality as a (projection, generation, key, place)
cross join lateral (
  select * from :schema.documents d
  where d.projection = a.projection and d.generation = a.generation and d.key = a.key and d.state is not null
  limit 1
) d
