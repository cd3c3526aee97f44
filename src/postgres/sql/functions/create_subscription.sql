-- Registers a subscription unless the name is registered. Returns the registered subscription, the new or the old one.
-- lock_timeout: see append_to_stream.
create or replace function :schema.create_subscription(
  of_subscription text,
  of_definition json,
  from_position bigint,
  lock_timeout text
)
returns setof :schema.subscriptions
language plpgsql
:as_owner
as $$
declare
  _place text;
begin
  if lock_timeout is not null then
    perform set_config('lock_timeout', create_subscription.lock_timeout, true);
  end if;
  loop
    -- Waits for another transaction that registers or removes the subscription.
    insert into :schema.subscriptions as s (name, place, kind, version, definition, partitions)
    values (
      of_subscription,
      gen_random_uuid()::text,
      of_definition ->> 'kind',
      (of_definition ->> 'version')::int,
      of_definition,
      (of_definition ->> 'partitions')::int
    )
    on conflict on constraint subscriptions_pkey do nothing
    returning s.place into _place;
    if found then
      perform :schema.set_partitions(_place, (of_definition ->> 'partitions')::int, from_position, 0);
    end if;
    return query select s.* from :schema.subscriptions s where s.name = of_subscription;
    -- If another transaction has removed the old one meanwhile, the loop registers the new one.
    exit when found;
  end loop;
end
$$;
