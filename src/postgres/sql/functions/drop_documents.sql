-- Deletes up to 10,000 documents of generations that are no longer read. Returns how many.
-- kept_generation: the generation of a build that continues. Null: an unfinished build is abandoned too.
create or replace function :schema.drop_documents(of_projection text, kept_generation int) returns bigint
language plpgsql
:as_owner
as $$
declare
  _dropped bigint;
begin
  if kept_generation is null then
    update :schema.projections p set building_version = null, building_generation = null
    where p.name = of_projection and p.building_generation is not null;
  end if;
  delete from :schema.documents d
  where d.ctid in (
    select o.ctid from :schema.documents o
    where o.projection = of_projection
      and o.generation is distinct from kept_generation
      and o.generation <> coalesce((select p.generation from :schema.projections p where p.name = of_projection), 0)
    limit 10000
  );
  get diagnostics _dropped = row_count;
  return _dropped;
end
$$;
