-- Deletes a parked event that the holder of the lease has handled. Returns false if the lease is lost.
create or replace function :schema.unpark_event(
  of_place text,
  of_partition int,
  of_token bigint,
  at_position bigint
) returns boolean
language plpgsql
:as_owner
as $$
begin
  perform from :schema.checkpoints c
  where c.place = of_place and c.partition = of_partition and c.token = of_token and c.owner is not null
  for update;
  if not found then
    return false;
  end if;
  delete from :schema.parked_events p where p.place = of_place and p.position = at_position;
  return true;
end
$$;
