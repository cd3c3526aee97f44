-- Moves a checkpoint forward, never back. Returns false if the lease is lost: no owner or another token holds the
-- partition. Waits for the checkpoint if another transaction holds it.
create or replace function :schema.advance_checkpoint(
  of_place text,
  of_partition int,
  of_token bigint,
  to_position bigint
) returns boolean
language plpgsql
:as_owner
as $$
begin
  update :schema.checkpoints c set position = greatest(c.position, to_position)
  where c.place = of_place and c.partition = of_partition and c.token = of_token and c.owner is not null;
  return found;
end
$$;
