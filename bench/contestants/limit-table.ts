/**
 * The yardstick for the most that the database itself can do: fixed tables, and the simplest function that appends one
 * event. They have the format that this library had before stream keys, and they do not follow the library's own
 * tables: otherwise a better format would also raise the limit, and ratios of different days could not be compared.
 */
import { withClient } from '../database.ts'

export const countLimitEvents = 'select count(*) from bench.events'

export async function createLimitTables(url: string): Promise<void> {
  await withClient(url, (client) => client.query(tables))
}

const tables = `
create schema bench;

create table bench.streams (
  stream_id text collate "C" primary key,
  version bigint not null,
  created_at timestamptz not null,
  last_recorded_at timestamptz,
  metadata json,
  creation_id uuid
);

create table bench.events (
  position bigint primary key,
  version bigint not null,
  recorded_at timestamptz not null,
  transaction_id xid8 not null default pg_current_xact_id(),
  event_id uuid not null unique,
  stream_id text collate "C" not null,
  type text collate "C" not null,
  data json not null,
  metadata json,
  tags text[] collate "C",
  unique (stream_id, version)
);

create sequence bench.event_positions;

create function bench.append_event(stream_id text, event_id uuid, type text, data json, metadata json)
returns bigint
language plpgsql as $$
declare
  _now timestamptz := clock_timestamp();
  _version bigint;
  _position bigint;
begin
  insert into bench.streams as s (stream_id, version, created_at, last_recorded_at)
  values (append_event.stream_id, 1, _now, _now)
  on conflict on constraint streams_pkey
  do update set version = s.version + 1, last_recorded_at = excluded.last_recorded_at
  returning s.version into _version;

  insert into bench.events (position, version, recorded_at, event_id, stream_id, type, data, metadata)
  values (
    nextval('bench.event_positions'), _version, _now, append_event.event_id, append_event.stream_id,
    append_event.type, append_event.data, append_event.metadata
  )
  returning position into _position;
  return _position;
end
$$;
`
