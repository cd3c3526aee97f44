-- Sets all checkpoints of a subscription to a position. Revokes all leases, and deletes the parked events up to the
-- position (inclusive).
create or replace function :schema.move_checkpoints(of_subscription text, to_position bigint) returns void
language plpgsql
:as_owner
as $$
begin
  delete from :schema.parked_events p where p.subscription = of_subscription and p.position <= to_position;
  update :schema.checkpoints c set position = to_position, token = c.token + 1, owner = null, lease_until = null
  where c.subscription = of_subscription;
  if not found then
    insert into :schema.checkpoints (subscription, partition, position) values (of_subscription, 0, to_position);
  end if;
end
$$;
