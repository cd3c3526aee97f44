-- Returns the second key of a projection's advisory lock. Transactions that write its documents hold the lock shared;
-- the transaction that switches to another generation holds it exclusively.
-- The first key is the OID of the table of projections. No writer marker has it: theirs is the OID of the sequence.
create or replace function :schema.projection_lock(name text) returns int
language sql immutable as $$
  select hashtext('eventsourced.:schema_name projection ' || name)
$$;
