-- Changes a subscription, and ends all its leases. A parameter that is null changes nothing. Returns false, and changes
-- nothing, unless the subscription has this place and this revision.
--
-- again: to_position may move checkpoints back. Then the records of the parked events after it are deleted, because the
-- workers handle these events again.
--
-- The caller makes a change_id for each call. If the answer is lost and the caller retries, the id shows that this call
-- has changed the subscription. lock_timeout: see append_to_stream.
create or replace function :schema.change_subscription(
  of_subscription text,
  at_place text,
  at_revision bigint,
  change_id uuid,
  to_definition json,
  to_partitions int,
  to_position bigint,
  again boolean,
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
    perform set_config('lock_timeout', change_subscription.lock_timeout, true);
  end if;
  select s.* into _current from :schema.subscriptions s where s.name = of_subscription for update;
  if _current.change_id = change_subscription.change_id then
    return true;
  end if;
  if (_current.place = at_place and _current.revision = at_revision) is not true then
    return false;
  end if;

  if again then
    perform :schema.divide_partitions(at_place, to_partitions, to_position);
    delete from :schema.parked_events p where p.place = at_place and p.position > to_position;
  else
    perform :schema.divide_partitions(at_place, to_partitions, null);
    update :schema.checkpoints c set position = to_position where c.place = at_place and c.position < to_position;
  end if;
  update :schema.subscriptions s
  set definition = coalesce(to_definition, s.definition),
    kind = coalesce(to_definition ->> 'kind', s.kind),
    version = coalesce((to_definition ->> 'version')::int, s.version),
    revision = s.revision + 1,
    change_id = change_subscription.change_id
  where s.name = of_subscription;
  if to_definition is not null then
    -- Workers of an earlier definition must not count when shares are computed.
    perform :schema.forget_workers(at_place);
  end if;
  return true;
end
$$;
