-- Creates streams. Returns the ids of the created ones, without streams that existed. Creates none and returns an empty
-- list if another transaction is creating one of them and does not end within the lock timeout.
create or replace function :schema.try_create_streams(stream_ids text[], versions bigint[], created_at timestamptz)
returns text[]
language plpgsql
set lock_timeout = '20ms'
as $$
declare
  _created text[];
begin
  with created as (
    insert into :schema.streams as s (stream_id, version, created_at, last_recorded_at)
    select n.id, n.version, try_create_streams.created_at, try_create_streams.created_at
    from unnest(stream_ids, versions) as n (id, version)
    order by n.id collate "C"
    on conflict do nothing
    returning s.stream_id
  )
  select array_agg(c.stream_id) into _created from created c;
  return coalesce(_created, '{}');
exception when lock_not_available then
  return '{}';
end
$$;
