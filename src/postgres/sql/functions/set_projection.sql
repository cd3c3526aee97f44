-- Completes a build: from now on, readers use its generation.
create or replace function :schema.set_projection(
  of_projection text,
  to_version int,
  to_generation int,
  in_mode text
) returns void
language plpgsql
:as_owner
as $$
begin
  insert into :schema.projections as p (name, version, generation, mode, last_generation)
  values (of_projection, to_version, to_generation, in_mode, to_generation)
  on conflict (name) do update
  set version = excluded.version, generation = excluded.generation, mode = excluded.mode,
    building_version = null, building_generation = null;
end
$$;
