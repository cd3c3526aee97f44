-- Returns the documents of a projection's current generation whose keys begin with prefix and sort after `after`
-- (exclusive), in the order of the keys. Has a fixed plan and an upper bound of the keys, as list_streams does.
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
