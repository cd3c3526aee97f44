-- docs/decisions/0030-stream-keys.md gives the reasons for columns and indexes.

-- One row per stream, which has the stream's version and serves as its lock. No index contains a column that changes,
-- and pages keep free space, so that an update stays on its page (HOT).
create table :schema.streams (
  -- Stands for stream_id in events. Keys have gaps, and their order means nothing.
  stream_key bigint not null,
  version bigint not null,
  created_at timestamptz not null,
  last_recorded_at timestamptz,
  -- Set by create_stream. Distinguishes a retry after a lost answer from a second creation.
  creation_id uuid,
  stream_id text collate "C" not null,
  metadata json,
  constraint streams_pkey primary key (stream_key),
  constraint streams_stream_id_key unique (stream_id)
) with (fillfactor = 80);

create sequence :schema.stream_keys as bigint;

-- CACHE 1 is essential: a session with cached numbers would assign positions below its writer marker.
create sequence :schema.event_positions as bigint cache 1;

-- One row per event. Columns of fixed width come first, which saves padding. Absent metadata and tags are null.
create table :schema.events (
  position bigint not null,
  stream_key bigint not null,
  version bigint not null,
  recorded_at timestamptz not null,
  event_id uuid not null,
  type text collate "C" not null,
  -- json keeps the text unchanged (order of keys, digits of numbers), and is faster to write than jsonb.
  data json not null,
  metadata json,
  tags text[] collate "C",
  constraint events_pkey primary key (position),
  constraint events_stream_version_key unique (stream_key, version),
  constraint events_event_id_key unique (event_id)
) with (
  -- Rows never change, so vacuum freezes them when it first sees them, 500,000 at a time. With the server's settings
  -- it would freeze none for a long time, and then read and write the whole table at once.
  autovacuum_vacuum_insert_scale_factor = 0,
  autovacuum_vacuum_insert_threshold = 500000,
  autovacuum_freeze_min_age = 0
);

-- The positions that imports have filled, in runs without other events. Imported events keep their times, so they are
-- not in order with the others. See position_before.
create table :schema.imports (
  first_position bigint not null,
  last_position bigint primary key,
  -- The greatest recorded_at.
  latest timestamptz not null,
  imported_at timestamptz not null
);
