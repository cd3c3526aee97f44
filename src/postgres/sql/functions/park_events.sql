-- Parks events and moves the checkpoint forward. Returns false if the lease is lost.
create or replace function :schema.park_events(
  of_place text,
  of_partition int,
  of_token bigint,
  to_position bigint,
  positions bigint[],
  stream_ids text[],
  event_ids uuid[],
  types text[],
  states text[],
  failures int[],
  errors text[],
  stacks text[]
) returns boolean
language plpgsql
:as_owner
as $$
begin
  if not :schema.advance_checkpoint(of_place, of_partition, of_token, to_position) then
    return false;
  end if;
  insert into :schema.parked_events as p
    (place, partition, position, stream_id, event_id, type, state, failures, error, stack, parked_at)
  select of_place, of_partition, e.*, clock_timestamp()
  from unnest(positions, stream_ids, event_ids, types, states, failures, errors, stacks)
    as e (position, stream_id, event_id, type, state, failures, error, stack)
  -- retry_parked and skip_parked lock in the same order, so there is no deadlock.
  order by e.position
  on conflict on constraint parked_events_pkey do update
  set state = excluded.state, failures = excluded.failures, error = excluded.error, stack = excluded.stack,
    parked_at = excluded.parked_at;
  return true;
end
$$;
