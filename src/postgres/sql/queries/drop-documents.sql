-- $1 projection $2 generation to keep (or null: forget the build)
with forgotten as (
  update :schema.projections p set building_version = null, building_generation = null
  where p.name = $1::text and $2::text is null and p.building_generation is not null
  returning 1
),
dropped as (
  delete from :schema.documents d
  where d.ctid in (
    select o.ctid from :schema.documents o
    where o.projection = $1::text
      and o.generation is distinct from $2::text::int
      and o.generation <> coalesce((select p.generation from :schema.projections p where p.name = $1::text), 0)
    limit 10000
  )
  returning 1
)
select (select count(*) from dropped)::text as dropped, (select count(*) from forgotten)::text as forgotten
