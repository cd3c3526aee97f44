-- Streams whose id begins with the prefix and sorts after a given one, in order. With a fixed plan, as in read_log.
create or replace function :schema.list_streams(prefix text, after text, max_streams int)
returns setof :schema.streams
language sql stable
set enable_seqscan = off
set enable_bitmapscan = off
set enable_sort = off
as $$
  select s.* from :schema.streams s
  where s.stream_id > list_streams.after
    and s.stream_id >= list_streams.prefix
    -- The last id that can begin so: ids have at most 512 bytes, and the highest character has four.
    and s.stream_id <= list_streams.prefix || repeat(chr(1114111), 128)
    and starts_with(s.stream_id, list_streams.prefix)
  order by s.stream_id
  limit list_streams.max_streams
$$;
