-- Returns which of the keys belong to streams that match the stream conditions of log_page. A key without a stream
-- matches, so that the reader of its events gets an error and does not skip them silently.
create or replace function :schema.matching_streams(
  stream_keys bigint[],
  stream_prefix text,
  part_index int,
  part_count int
)
returns bigint[]
language plpgsql stable
-- The plans are fixed, as in log_page.
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_bitmapscan = off
set enable_sort = off
as $$
declare
  _distinct constant bigint[] := array(select distinct k.stream_key from unnest(stream_keys) k (stream_key));
  _found int;
  _matching bigint[];
begin
  select
    array_agg(s.stream_key) filter (
      where (stream_prefix is null or starts_with(s.stream_id, stream_prefix))
        and (part_count is null or :schema.part_of_stream(s.stream_id, part_count) = part_index)
    ),
    count(*)
  into _matching, _found
  from :schema.streams s
  where s.stream_key = any (_distinct);
  if _found < cardinality(_distinct) then
    _matching := _matching || array(
      select k.stream_key
      from unnest(_distinct) k (stream_key)
      where not exists (select from :schema.streams s where s.stream_key = k.stream_key offset 0)
    );
  end if;
  return _matching;
end
$$;
