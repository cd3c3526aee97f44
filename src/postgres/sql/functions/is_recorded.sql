-- Whether any of the events that belong to one stream of an append is recorded already, wherever.
-- Planned while the table is small, a lookup of several ids would be a sequential scan, and stay one.
create or replace function :schema.is_recorded(owner int, owners int[], event_ids uuid[]) returns boolean
language sql stable set enable_seqscan = off as $$
  select exists (
    select from :schema.events e
    where e.event_id = any (array(
      select o.event_id from unnest(is_recorded.owners, is_recorded.event_ids) as o (owner, event_id)
      where o.owner = is_recorded.owner
    ))
  )
$$;
