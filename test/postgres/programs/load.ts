/**
 * Appends with several writers and follows the log until it gets a message. Then it reports the acknowledged and the
 * followed events. Every append must succeed, although the test ends the connections meanwhile.
 */
import { type PostgresConnection, postgresStore } from '@eventsourced/core/postgres'
import postgres from 'postgres'
import { counted, range } from '../../../src/conformance/events.ts'

/** One event: its stream, version and position. */
export type Entry = readonly [streamId: string, version: number, position: number]

export interface LoadReport {
  readonly acknowledged: readonly Entry[]
  readonly followed: readonly Entry[]
}

const connections: Record<string, (url: string) => { connection: PostgresConnection; end(): Promise<void> }> =
  {
    pg: (url) => ({ connection: url, end: async () => {} }),
    'postgres.js': (url) => {
      // Without this option the driver fetches types, which the store does not need. If that is cut off, it leaves an
      // unhandled rejection.
      const sql = postgres(url, { max: 8, fetch_types: false })
      return { connection: sql, end: () => sql.end({ timeout: 1 }) }
    },
  }

const [driver = '', url = ''] = process.argv.slice(2)
const { connection, end } = connections[driver]?.(url) ?? { connection: '', end: async () => {} }
// With so many retries, a call that still retried after `close()` would keep the process alive for longer than the
// test.
const store = postgresStore(connection, { retries: 999, notify: true })
const acknowledged: Entry[] = []
const followed: Entry[] = []
let enough = false

process.once('message', () => {
  enough = true
})
await store.schema.create()
process.send?.('ready')

async function follow(): Promise<void> {
  for await (const { streamId, version, position } of store.readAll({ follow: true })) {
    followed.push([streamId, version, position])
    if (streamId === 'last') return
  }
}

/** Appends to the writer's own stream at exact versions, where a repeated append would be a conflict, and to shared ones. */
async function write(writer: number): Promise<void> {
  for (let version = 0; !enough; version += 2) {
    const own = await store.append(`own-${writer}`, counted(2, version + 1), { expectedVersion: version })
    acknowledge(own.streamId, own.firstVersion, own.positions)
    const both = await store.appendAll(
      ['shared', `beside-${writer % 3}`].map((streamId) => ({ streamId, events: counted(1) })),
    )
    for (const { streamId, firstVersion, positions } of both) acknowledge(streamId, firstVersion, positions)
  }
}

function acknowledge(streamId: string, firstVersion: number, positions: readonly number[]): void {
  for (const [index, position] of positions.entries())
    acknowledged.push([streamId, firstVersion + index, position])
}

const following = follow()
await Promise.all(range(1, 8).map(write))
const last = await store.append('last', counted(1))
acknowledge('last', 1, last.positions)
await following
await store.close()
await end()
process.send?.({ acknowledged, followed } satisfies LoadReport)
process.disconnect()
