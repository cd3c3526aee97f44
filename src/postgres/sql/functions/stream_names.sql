-- Returns the ids of streams by their keys, as JSON: a list of keys and a list of ids, in the same order. A key without a
-- stream is in neither. JSON, because a driver may drop a byte order mark at the beginning of a text.
create or replace function :schema.stream_names(stream_keys bigint[]) returns text
language plpgsql stable
-- The plan is made once per session, perhaps while the table is nearly empty. It must be lookups by key.
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_bitmapscan = off
as $$
begin
  return (
    select json_build_array(array_agg(s.stream_key), array_agg(s.stream_id))
    from :schema.streams s
    where s.stream_key = any (stream_keys)
  );
end
$$;
