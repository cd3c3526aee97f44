-- The generation of each projection's documents that readers use. version 0: no build is complete yet.
create table :schema.projections (
  name text collate "C" primary key,
  version int not null,
  generation int not null,
  mode text not null check (mode in ('inline', 'async')),
  -- An unfinished build.
  building_version int,
  building_generation int,
  -- No generation is used twice, because a process that was suspended for long may still write into an old one.
  last_generation int not null
);

-- Every append looks for inline projections. Most databases have few, or none.
create index projections_inline on :schema.projections (name) where mode = 'inline' and version > 0;

-- A row without a state is a placeholder that a transaction holds. Readers do not see it.
create table :schema.documents (
  projection text collate "C" not null,
  generation int not null,
  key text collate "C" not null,
  revision bigint not null,
  position bigint not null,
  state json,
  primary key (projection, generation, key)
) with (fillfactor = 85);

-- One row per partition. No index contains a column that changes, so that an update stays on its page (HOT).
create table :schema.checkpoints (
  subscription text collate "C" not null,
  partition int not null,
  position bigint not null,
  token bigint not null default 0,
  owner text collate "C",
  lease_until timestamptz,
  primary key (subscription, partition)
) with (fillfactor = 50);

create table :schema.workers (
  subscription text collate "C" not null,
  worker text collate "C" not null,
  alive_until timestamptz not null,
  primary key (subscription, worker)
) with (fillfactor = 50);

create table :schema.parked_events (
  subscription text collate "C" not null,
  position bigint not null,
  partition int not null,
  stream_id text collate "C" not null,
  event_id uuid not null,
  type text collate "C" not null,
  state text not null check (state in ('parked', 'blocked', 'retrying')),
  failures int not null,
  error text not null,
  stack text,
  parked_at timestamptz not null,
  primary key (subscription, position)
);
