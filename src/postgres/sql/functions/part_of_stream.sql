-- Returns the 0-based partition of a stream: the first 32 bits of the MD5 of its id, modulo part_count. Must agree with
-- partitionOf in the library.
create or replace function :schema.part_of_stream(stream_id text, part_count int) returns int
language sql immutable as $$
  select ((('x' || left(md5(stream_id), 8))::bit(32)::bigint & 4294967295) % part_count)::int
$$;
