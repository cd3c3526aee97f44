-- Which generation of a projection's documents is read; version 0: none is complete yet.
create table :schema.projections (
  name text collate "C" primary key,
  version int not null,
  generation int not null,
  mode text not null check (mode in ('inline', 'async')),
  -- A build that was begun and not ended.
  building_version int,
  building_generation int,
  -- Generations are never used twice: a builder of long ago may still be writing into its own.
  last_generation int not null
);

-- A document whose state is null is only a place that a transaction holds, and is not there for readers.
create table :schema.documents (
  projection text collate "C" not null,
  generation int not null,
  key text collate "C" not null,
  revision bigint not null,
  position bigint not null,
  state json,
  primary key (projection, generation, key)
) with (fillfactor = 85);

-- One row a partition. No index holds a changing column, so that its updates stay on their page (HOT).
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
