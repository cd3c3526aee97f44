-- Whether events has an index by type and position. The owner may create and drop it at any time, under any name. The
-- calling transaction must have read events: Postgres then finishes no drop of an index before the transaction ends.
create or replace function :schema.has_type_index() returns bool
language plpgsql stable
set plan_cache_mode = force_generic_plan
as $$
begin
  return exists (
    select
    from pg_index i
    join pg_class c on c.oid = i.indexrelid
    join pg_am m on m.oid = c.relam and m.amname = 'btree'
    join pg_attribute t on t.attrelid = i.indrelid and t.attnum = i.indkey[0] and t.attname = 'type'
    join pg_attribute p on p.attrelid = i.indrelid and p.attnum = i.indkey[1] and p.attname = 'position'
    join pg_opclass o on o.oid = i.indclass[0] and o.opcdefault
    where i.indrelid = ':schema.events'::regclass
      -- `create index concurrently` makes an index valid when it is complete.
      and i.indisvalid
      and not i.indcheckxmin
      and i.indpred is null
      and i.indnkeyatts >= 2
      and i.indcollation[0] = t.attcollation
      and (i.indoption[0], i.indoption[1]) = (0, 0)
  );
end
$$;
