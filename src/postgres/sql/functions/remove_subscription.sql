-- Removes a subscription with its checkpoints, workers and parked events. Returns false, and removes nothing, unless it
-- has this place (null: a successor has it) and this revision.
-- is_retry: an earlier attempt of this call may have committed. Then, if the subscription does not exist any more, that
-- attempt counts as the one that removed it.
-- lock_timeout: see append_to_stream.
create or replace function :schema.remove_subscription(
  of_subscription text,
  at_place text,
  at_revision bigint,
  is_retry boolean,
  lock_timeout text
) returns boolean
language plpgsql
:as_owner
:plans_by_key
as $$
declare
  _place text;
  _revision bigint;
begin
  if lock_timeout is not null then
    perform set_config('lock_timeout', remove_subscription.lock_timeout, true);
  end if;
  select s.place, s.revision into _place, _revision
  from :schema.subscriptions s where s.name = of_subscription for update;
  if not found then
    return is_retry;
  end if;
  if _place is distinct from at_place or _revision <> at_revision then
    -- Another subscription with the same name has been registered since.
    return is_retry and _place is distinct from at_place and at_place is not null and not exists (
      select from :schema.subscriptions s where s.place = at_place
    );
  end if;
  perform from :schema.checkpoints c where c.place = at_place order by c.partition for update;
  delete from :schema.checkpoints c where c.place = at_place;
  delete from :schema.parked_events p where p.place = at_place;
  delete from :schema.subscriptions s where s.name = of_subscription;
  -- Deletes the workers last, because their heartbeats wait for these rows until the commit.
  delete from :schema.workers w
  using (
    select w.worker from :schema.workers w where w.place = at_place order by w.worker for update
  ) own
  where w.place = at_place and w.worker = own.worker;
  return true;
end
$$;
