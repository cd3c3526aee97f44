-- Returns the streams whose ids begin with prefix and sort after `after` (exclusive), in the order of the ids. Has a
-- fixed plan, for the reason that log_page states.
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
    -- The highest possible id with this prefix: ids have at most 512 bytes, and the highest character takes four.
    and s.stream_id <= list_streams.prefix || repeat(chr(1114111), 128)
    and starts_with(s.stream_id, list_streams.prefix)
  order by s.stream_id
  limit list_streams.max_streams
$$;
