-- $1 name $2 version $3 generation $4 mode
insert into :schema.projections as p (name, version, generation, mode, last_generation)
values ($1::text, $2::text::int, $3::text::int, $4::text, $3::text::int)
on conflict (name) do update
set version = excluded.version, generation = excluded.generation, mode = excluded.mode,
  building_version = null, building_generation = null
