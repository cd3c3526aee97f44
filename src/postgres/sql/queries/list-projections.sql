-- $1 after $2 maximum number of projections
select to_json(p.name)::text as name, p.version, p.generation, p.mode, p.building_version
from :schema.projections p
where p.name > $1::text
order by p.name
limit $2::text::int
