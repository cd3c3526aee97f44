-- Returns the second key of a projection's advisory lock. Transactions that write its documents hold the lock shared;
-- the transaction that switches to another generation holds it exclusively.
-- Locks with two keys never collide with writer markers, which have one.
create or replace function :schema.projection_lock(name text) returns int
language sql immutable as $$
  select hashtext('eventsourced.:schema_name projection ' || name)
$$;
