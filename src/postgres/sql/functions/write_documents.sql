-- Writes documents. The list has each document once. A null state deletes the document.
create or replace function :schema.write_documents(
  projections text[],
  generations int[],
  keys text[],
  states json[],
  positions bigint[]
) returns void
language plpgsql
:as_owner
:plans_by_key
as $$
begin
  insert into :schema.documents as d (projection, generation, key, state, revision, position)
  select
    unnest(projections) as projection,
    unnest(generations) as generation,
    unnest(keys) as key,
    unnest(states) as state,
    1,
    unnest(positions) as position
  on conflict (projection, generation, key) do update
  set state = excluded.state, revision = d.revision + 1, position = excluded.position;

  if array_position(states::text[], null) is not null then
    delete from :schema.documents d
    using unnest(projections, generations, keys, states) as w (projection, generation, key, state)
    where w.state is null and d.projection = w.projection and d.generation = w.generation and d.key = w.key;
  end if;
end
$$;
