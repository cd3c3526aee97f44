-- Registers an empty stream. creation_id is the caller's for this very call: when the same call is made again
-- because its answer was lost, the stream is found to be its own. version: of the stream that is there.
create or replace function :schema.create_stream(
  stream_id text,
  metadata json,
  creation_id uuid,
  out created boolean,
  out version bigint,
  out created_at timestamptz
)
language plpgsql
:as_owner
as $$
begin
  insert into :schema.streams as s (stream_id, version, created_at, metadata, creation_id)
  values (
    create_stream.stream_id, 0, date_trunc('milliseconds', clock_timestamp()),
    create_stream.metadata, create_stream.creation_id
  )
  on conflict do nothing;
  -- The statement above waited for a rival, and this one sees what it did.
  select s.creation_id is not distinct from create_stream.creation_id, s.version, s.created_at
  into created, version, created_at
  from :schema.streams s
  where s.stream_id = create_stream.stream_id;
end
$$;
