/** Tables like the library's own, to measure the most that the database itself can do with the same rows. */
import { postgresStore } from '@eventsourced/core/postgres'
import { withClient } from '../database.ts'

export const countLimitEvents = 'select count(*) from bench.events'

/** Creates tables with the same columns and indexes, and the simplest function that appends one event. */
export async function createLimitTables(url: string): Promise<void> {
  const store = postgresStore(url)
  await store.schema.create()
  await store.close()
  await withClient(url, (client) => client.query(tables))
}

const tables = `
create schema bench;
create table bench.streams (like eventsourced.streams including all);
create table bench.events (like eventsourced.events including all);
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
