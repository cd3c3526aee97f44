-- $1 names $2 versions $3 modes
select r.place, r.version, r.generation, r.mode
from :schema.register_projections($1::text::text[], $2::text::int[], $3::text::text[]) r
