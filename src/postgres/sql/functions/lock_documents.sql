-- Locks documents until the end of the transaction. For a document that does not exist it inserts a placeholder, a row
-- without a state, so that no two transactions create the same document. All transactions lock in the same order.
--
-- lock_timeout: how long the function may wait for each lock, for example '100ms'. Null: as the setting of the
-- transaction says. Unlike append_to_stream, the function puts the setting back at its end: a raw projection may lock
-- documents between statements of its own, and these wait for locks as long as the user's settings say.
--
-- Returns one row for each document that has a state, with its 1-based place in the list. Returns a single row with
-- place 0 if a generation is no longer the one that is read.
create or replace function :schema.lock_documents(projections text[], generations int[], keys text[], lock_timeout text)
returns table (place int, state json, revision bigint, changed_at bigint)
language plpgsql
:as_owner
:plans_by_key
as $$
declare
  _locked bigint;
  _former text := current_setting('lock_timeout');
begin
  if lock_timeout is not null then
    perform set_config('lock_timeout', lock_documents.lock_timeout, true);
  end if;
  if not :schema.enter_projections(projections, generations) then
    perform set_config('lock_timeout', _former, true);
    place := 0;
    return next;
    return;
  end if;
  loop
    insert into :schema.documents as d (projection, generation, key, revision, position)
    select a.projection, a.generation, a.key, 0, 0
    from (
      select * from unnest(projections, generations, keys) as a (projection, generation, key)
      order by a.projection collate "C", a.generation, a.key collate "C"
    ) a
    where not exists (
      select from :schema.documents d
      where d.projection = a.projection and d.generation = a.generation and d.key = a.key
    )
    on conflict do nothing;

    perform d.key
    from (
      select * from unnest(projections, generations, keys) as a (projection, generation, key)
      order by a.projection collate "C", a.generation, a.key collate "C"
    ) a
    cross join lateral (
      select d.key from :schema.documents d
      where d.projection = a.projection and d.generation = a.generation and d.key = a.key
      for update
    ) d;
    get diagnostics _locked = row_count;
    -- If another transaction deleted a document between the two steps, it is not locked. Repeat.
    exit when _locked = cardinality(keys);
  end loop;
  perform set_config('lock_timeout', _former, true);
  return query
  select a.place::int, d.state, d.revision, d.position
  from unnest(projections, generations, keys) with ordinality as a (projection, generation, key, place)
  cross join lateral (
    select * from :schema.documents d
    where d.projection = a.projection and d.generation = a.generation and d.key = a.key and d.state is not null
    limit 1
  ) d;
end
$$;
