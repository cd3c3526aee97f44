-- Marks a parked event for a retry. Returns false if no event is parked at the position.
create or replace function :schema.retry_parked(of_subscription text, at_position bigint) returns boolean
language plpgsql
:as_owner
as $$
begin
  update :schema.parked_events p set state = 'retrying'
  where p.subscription = of_subscription and p.position = at_position and p.state = 'parked';
  return exists (
    select from :schema.parked_events p where p.subscription = of_subscription and p.position = at_position
  );
end
$$;
