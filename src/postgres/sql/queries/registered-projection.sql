-- $1 name
select p.version, p.generation, p.mode from :schema.projections p where p.name = $1::text
