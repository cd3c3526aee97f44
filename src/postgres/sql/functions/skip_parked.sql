-- Deletes the records of parked events, so that no worker handles them. Returns the given positions that had a record.
-- lock_timeout: see append_to_stream.
create or replace function :schema.skip_parked(of_subscription text, positions bigint[], lock_timeout text)
returns bigint[]
language plpgsql
:as_owner
:plans_by_key
as $$
declare
  _place text;
  _skipped bigint[];
begin
  if lock_timeout is not null then
    perform set_config('lock_timeout', skip_parked.lock_timeout, true);
  end if;
  -- This lock excludes other calls on parked events, and changes of the subscription, until the commit.
  select s.place into _place from :schema.subscriptions s where s.name = of_subscription for update;
  with skipped as (
    delete from :schema.parked_events p
    using (
      select p.position from (select distinct a.position from unnest(positions) as a (position) order by 1) a
      cross join lateral (
        select p.position from :schema.parked_events p
        where p.place = _place and p.position = a.position
        for update
      ) p
    ) parked
    where p.place = _place and p.position = parked.position
    returning p.position
  )
  select array_agg(s.position) into _skipped from skipped s;
  if _skipped is not null then
    update :schema.subscriptions s set parked_requests = s.parked_requests + 1 where s.name = of_subscription;
  end if;
  return _skipped;
end
$$;
