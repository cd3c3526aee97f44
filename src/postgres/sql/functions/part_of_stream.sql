-- The 0-based part of a stream among so many: the first 32 bits of its id's MD5, modulo their number. The library's
-- partitionOf says the same.
create or replace function :schema.part_of_stream(stream_id text, part_count int) returns int
language sql immutable as $$
  select ((('x' || left(md5(stream_id), 8))::bit(32)::bigint & 4294967295) % part_count)::int
$$;
