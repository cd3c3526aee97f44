-- One row a stream. The row is the stream's lock and its version; no index holds a changing column, and pages
-- keep some room, so that its updates stay on their page (HOT).
create table :schema.streams (
  stream_id text collate "C" primary key,
  version bigint not null,
  created_at timestamptz not null,
  last_recorded_at timestamptz,
  metadata json,
  -- Set by create_stream: tells a call that is repeated after a lost answer from a second creation.
  creation_id uuid
) with (fillfactor = 80);

-- CACHE 1 is essential: a session that kept numbers in reserve would hand them out below its writer marker.
create sequence :schema.event_positions as bigint cache 1;

-- One row an event. Columns of fixed width first, which saves padding. Absent metadata and tags are null.
create table :schema.events (
  position bigint primary key,
  version bigint not null,
  recorded_at timestamptz not null,
  transaction_id xid8 not null default pg_current_xact_id(),
  event_id uuid not null,
  stream_id text collate "C" not null,
  type text collate "C" not null,
  -- json keeps the bytes as given (order of keys, digits of numbers), and is faster to write than jsonb.
  data json not null,
  metadata json,
  tags text[] collate "C",
  constraint events_stream_version_key unique (stream_id, version),
  constraint events_event_id_key unique (event_id)
);
