-- The advisory lock of a projection: held shared by who writes its documents, and alone by who puts others in their
-- place. Two numbers, where writer markers have one: the spaces of these locks are apart.
create or replace function :schema.projection_lock(name text) returns int
language sql immutable as $$
  select hashtext('eventsourced.:schema projection ' || name)
$$;
