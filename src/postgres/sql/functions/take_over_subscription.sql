-- Registers a successor, by_subscription, which gets the place of of_subscription, and ends all leases of that place.
-- Returns false, and changes nothing, unless of_subscription has this place and this revision, and the name of the
-- successor is not registered.
-- change_id, lock_timeout: see change_subscription.
create or replace function :schema.take_over_subscription(
  of_subscription text,
  at_place text,
  at_revision bigint,
  change_id uuid,
  by_subscription text,
  of_definition json,
  lock_timeout text
) returns boolean
language plpgsql
:as_owner
:plans_by_key
as $$
declare
  _current :schema.subscriptions;
begin
  if lock_timeout is not null then
    perform set_config('lock_timeout', take_over_subscription.lock_timeout, true);
  end if;
  select s.* into _current from :schema.subscriptions s where s.name = of_subscription for update;
  if _current.change_id = take_over_subscription.change_id then
    return true;
  end if;
  if (_current.place = at_place and _current.revision = at_revision) is not true then
    return false;
  end if;

  -- Waits for another transaction that registers or removes this name. The row gets the place further below, once the
  -- former subscription has lost it: a place is unique.
  insert into :schema.subscriptions
    (name, kind, version, definition, partitions, is_paused, skip, parked_requests)
  values (
    by_subscription,
    of_definition ->> 'kind',
    (of_definition ->> 'version')::int,
    of_definition,
    _current.partitions,
    _current.is_paused,
    _current.skip,
    _current.parked_requests
  )
  on conflict on constraint subscriptions_pkey do nothing;
  if not found then
    return false;
  end if;
  update :schema.subscriptions s
  set place = null, skip = null, successor = by_subscription, revision = s.revision + 1,
    change_id = take_over_subscription.change_id
  where s.name = of_subscription;
  update :schema.subscriptions s set place = at_place where s.name = by_subscription;

  perform :schema.divide_partitions(at_place, (of_definition ->> 'partitions')::int, null);
  perform :schema.forget_workers(at_place);
  return true;
end
$$;
