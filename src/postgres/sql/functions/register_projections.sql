-- Registers those of these projections that are not yet, and answers with what is registered, by place. An inline one
-- is registered only on an empty log to which nobody appends: its documents would lack what came before.
create or replace function :schema.register_projections(names text[], versions int[], modes text[])
returns table (place int, version int, generation int, mode text)
language plpgsql
:as_owner
as $$
begin
  insert into :schema.projections as p (name, version, generation, mode, last_generation)
  select n.name, n.version, 1, n.mode, 1
  from unnest(names, versions, modes) as n (name, version, mode)
  where n.mode = 'async'
    or (not exists (select from :schema.events) and not exists (select from :schema.writer_markers))
  order by n.name collate "C"
  on conflict do nothing;
  return query
  select n.place::int, p.version, p.generation, p.mode
  from unnest(names) with ordinality as n (name, place)
  join :schema.projections p on p.name = n.name;
end
$$;
