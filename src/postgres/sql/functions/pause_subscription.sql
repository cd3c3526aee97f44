-- Pauses or resumes a subscription. Returns false if none of that name is registered, or if a successor has its place.
create or replace function :schema.pause_subscription(of_subscription text, to_paused boolean, lock_timeout text)
returns boolean
language plpgsql
:as_owner
as $$
begin
  if lock_timeout is not null then
    perform set_config('lock_timeout', pause_subscription.lock_timeout, true);
  end if;
  update :schema.subscriptions s set is_paused = to_paused, revision = s.revision + 1
  where s.name = of_subscription and s.place is not null and s.is_paused <> to_paused;
  return exists (select from :schema.subscriptions s where s.name = of_subscription and s.place is not null);
end
$$;
