-- Marks parked events for a retry. Returns the given positions at which an event is parked, blocked or retrying.
-- lock_timeout: see append_to_stream.
create or replace function :schema.retry_parked(of_subscription text, positions bigint[], lock_timeout text)
returns bigint[]
language plpgsql
:as_owner
:plans_by_key
as $$
declare
  _place text;
begin
  if lock_timeout is not null then
    perform set_config('lock_timeout', retry_parked.lock_timeout, true);
  end if;
  -- This lock excludes other calls on parked events, and changes of the subscription, until the commit.
  select s.place into _place from :schema.subscriptions s where s.name = of_subscription for update;
  update :schema.parked_events p set state = 'retrying'
  from (
    select p.position from (select distinct a.position from unnest(positions) as a (position) order by 1) a
    cross join lateral (
      select p.position from :schema.parked_events p
      where p.place = _place and p.position = a.position and p.state = 'parked'
      for update
    ) p
  ) parked
  where p.place = _place and p.position = parked.position and p.state = 'parked';
  if found then
    update :schema.subscriptions s set parked_requests = s.parked_requests + 1 where s.name = of_subscription;
  end if;
  return (
    select array_agg(p.position)
    from (select distinct a.position from unnest(positions) as a (position)) a
    join :schema.parked_events p on p.place = _place and p.position = a.position
  );
end
$$;
