-- Registers an empty stream. The caller makes a creation_id for each call. If the answer is lost and the caller
-- retries, the id shows that this call created the stream. version: the version of the stream.
-- lock_timeout: see append_to_stream.
create or replace function :schema.create_stream(
  stream_id text,
  metadata json,
  creation_id uuid,
  lock_timeout text,
  out created boolean,
  out version bigint,
  out created_at timestamptz
)
language plpgsql
:as_owner
as $$
begin
  if lock_timeout is not null then
    perform set_config('lock_timeout', create_stream.lock_timeout, true);
  end if;
  insert into :schema.streams as s (stream_key, stream_id, version, created_at, metadata, creation_id)
  values (
    nextval(':schema.stream_keys'), create_stream.stream_id, 0, date_trunc('milliseconds', clock_timestamp()),
    create_stream.metadata, create_stream.creation_id
  )
  on conflict on constraint streams_stream_id_key do nothing;
  -- The insert waited for concurrent creations of the stream, and this statement sees their result.
  select s.creation_id is not distinct from create_stream.creation_id, s.version, s.created_at
  into created, version, created_at
  from :schema.streams s
  where s.stream_id = create_stream.stream_id;
end
$$;
