-- Releases a lease, unless its token is no longer valid.
create or replace function :schema.release_lease(of_place text, of_partition int, of_token bigint) returns void
language plpgsql
:as_owner
as $$
begin
  update :schema.checkpoints c set owner = null
  where c.place = of_place and c.partition = of_partition and c.token = of_token;
end
$$;
