-- Returns the generation in which to build a version of a projection: of an unfinished build of that version (resumed),
-- or a new one.
create or replace function :schema.begin_build(
  of_projection text,
  to_version int,
  in_mode text,
  out generation int,
  out resumed boolean
)
language plpgsql
:as_owner
as $$
begin
  insert into :schema.projections (name, version, generation, mode, last_generation)
  values (of_projection, 0, 0, in_mode, 0)
  on conflict do nothing;
  select p.building_generation, p.building_version = to_version into generation, resumed
  from :schema.projections p where p.name = of_projection for update;
  if resumed is not true then
    resumed := false;
    update :schema.projections p
    set building_version = to_version, building_generation = p.last_generation + 1,
      last_generation = p.last_generation + 1
    where p.name = of_projection
    returning p.building_generation into generation;
  end if;
end
$$;
