-- The documents of a projection as they are read, whose keys begin with the prefix and sort after a given one, in order.
-- With a fixed plan, and the last key that can begin so, as in list_streams.
create or replace function :schema.list_documents(projection text, prefix text, after text, max_documents int)
returns setof :schema.documents
language sql stable
set enable_seqscan = off
set enable_bitmapscan = off
set enable_sort = off
as $$
  select d.* from :schema.documents d
  where d.projection = list_documents.projection
    and d.generation = coalesce(
      (select p.generation from :schema.projections p where p.name = list_documents.projection),
      0
    )
    and d.key > list_documents.after
    and d.key >= list_documents.prefix
    and d.key <= list_documents.prefix || repeat(chr(1114111), 128)
    and starts_with(d.key, list_documents.prefix)
    and d.state is not null
  order by d.key
  limit list_documents.max_documents
$$;
