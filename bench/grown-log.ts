/** Fills a store with any number of events, much faster than appends could. */
import { createHash } from 'node:crypto'
import { postgresStore } from '@eventsourced/core/postgres'
import type { Client } from 'pg'
import { orderEvent } from './contestants/order-events.ts'
import { withClient } from './database.ts'

export const streamLength = 20

/** Returns the name of the stream with this 1-based number. There is one stream for each 20 events. */
export function grownStream(number: number): string {
  return `order-${createHash('md5').update(String(number)).digest('hex')}`
}

/** Writes streams of 20 events each, whose events are as far apart in the log as possible. */
export async function growLog(url: string, eventCount: number): Promise<void> {
  const store = postgresStore(url)
  await store.schema.create()
  await store.close()
  const streamCount = eventCount / streamLength
  await withClient(url, async (client) => {
    await client.query('begin')
    const rebuildIndexes = await dropIndexes(client)
    await client.query(
      `insert into eventsourced.streams (stream_key, stream_id, version, created_at, last_recorded_at)
      select number, 'order-' || md5(number::text), $1, '2025-01-01', '2025-01-02'
      from generate_series(1, $2::int) number`,
      [streamLength, streamCount],
    )
    const { type, data, metadata } = orderEvent(1)
    await client.query(
      `insert into eventsourced.events
        (position, stream_key, version, recorded_at, event_id, type, data, metadata)
      select
        position, (position - 1) % $1::int + 1, (position - 1) / $1::int + 1, timestamptz '2025-01-01' + position * interval '1 ms',
        md5('event-' || position)::uuid, $2, $3, $4
      from generate_series(1, $5::int) position`,
      [streamCount, type, JSON.stringify(data), JSON.stringify(metadata), eventCount],
    )
    await client.query(`select setval('eventsourced.event_positions', $1)`, [eventCount])
    await client.query(`select setval('eventsourced.stream_keys', $1)`, [streamCount])
    await rebuildIndexes()
    await client.query('commit')
    await client.query('vacuum analyze')
  })
}

/** Drops the indexes and returns a function that creates them again: that is much faster than an update for each row. */
async function dropIndexes(client: Client): Promise<() => Promise<void>> {
  const { rows } = await client.query<{ drop: string; make: string }>(`
    select
      case when c.conname is null then format('drop index %s', i.indexrelid::regclass)
        else format('alter table %s drop constraint %I', i.indrelid::regclass, c.conname) end as drop,
      case when c.conname is null then pg_get_indexdef(i.indexrelid)
        else format('alter table %s add constraint %I %s', i.indrelid::regclass, c.conname, pg_get_constraintdef(c.oid))
      end as make
    from pg_index i
    left join pg_constraint c on c.conindid = i.indexrelid and c.contype in ('p', 'u')
    where i.indrelid in ('eventsourced.streams'::regclass, 'eventsourced.events'::regclass)`)
  for (const { drop } of rows) await client.query(drop)
  return async () => {
    for (const { make } of rows) await client.query(make)
  }
}
