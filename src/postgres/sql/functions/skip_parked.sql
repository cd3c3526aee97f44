-- Deletes a parked event that must not be handled. Returns false if no event is parked at the position.
create or replace function :schema.skip_parked(of_subscription text, at_position bigint) returns boolean
language plpgsql
:as_owner
as $$
begin
  delete from :schema.parked_events p where p.subscription = of_subscription and p.position = at_position;
  return found;
end
$$;
