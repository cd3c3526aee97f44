-- Returns the advisory lock key of a writer marker: 16 bits for the schema, 48 bits for the position.
create or replace function :schema.marker_key(marked_position bigint) returns bigint
language sql immutable as $$
  select (:marker_space << 48) | marked_position
$$;
