-- Forgets a parked event; false if there is none at that position.
create or replace function :schema.skip_parked(of_subscription text, at_position bigint) returns boolean
language plpgsql
:as_owner
as $$
begin
  delete from :schema.parked_events p where p.subscription = of_subscription and p.position = at_position;
  return found;
end
$$;
