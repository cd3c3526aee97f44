-- Registers a subscription with this definition, or gives it this definition. Sets all its checkpoints to a position, ends
-- all leases, and deletes the parked events up to the position (inclusive). Waits for the transactions that hold
-- checkpoints.
create or replace function :schema.move_checkpoints(of_subscription text, to_definition json, to_position bigint)
returns void
language plpgsql
:as_owner
:plans_by_key
as $$
declare
  _place text;
begin
  perform :schema.create_subscription(of_subscription, to_definition, to_position, null);
  select s.place into _place from :schema.subscriptions s where s.name = of_subscription for update;
  if _place is null then
    -- A successor has taken over its place, so the subscription gets a new one.
    _place := gen_random_uuid()::text;
    update :schema.subscriptions s
    set place = _place, successor = null, partitions = (to_definition ->> 'partitions')::int
    where s.name = of_subscription;
    perform :schema.set_partitions(_place, (to_definition ->> 'partitions')::int, to_position, 0);
  end if;
  perform :schema.divide_partitions(_place, null, to_position);
  delete from :schema.parked_events p where p.place = _place and p.position <= to_position;
  update :schema.subscriptions s
  set definition = to_definition,
    kind = to_definition ->> 'kind',
    version = (to_definition ->> 'version')::int,
    parked_requests = s.parked_requests + 1,
    revision = s.revision + 1
  where s.name = of_subscription;
end
$$;
