/**
 * Compares the log with the two usual ways to read one. In the same scenario, a reader by position alone misses events,
 * and a reader by the age of transactions gets them out of order. So the conformance suite would notice both faults.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import {
  type FeedEvent,
  type FeedReader,
  type FeedReport,
  runFeedScenario,
} from '@eventsourced/core/conformance'
import pg from 'pg'
import { afterAll, beforeAll, expect, inject, it } from 'vitest'
import { type PgWorld, startPg } from '../worlds/pg.ts'

const { postgres: serverUrl } = inject('servers')
const reason = 'STORES names no store on a Postgres server'
const faultless = { missed: 0, repeated: 0, phantom: 0, reordered: 0, disordered: 0 }

let running: Awaited<ReturnType<typeof startPg>> | undefined
beforeAll(async () => {
  if (serverUrl !== undefined) running = await startPg(serverUrl)
})
afterAll(() => running?.stop())

/** Polls with a statement whose rows are events. The last row's position and age are the parameters of the next poll. */
function polling(world: PgWorld, select: (schema: string) => string): FeedReader {
  return async function* (signal) {
    const client = new pg.Client({ connectionString: world.url })
    await client.connect()
    try {
      let last: unknown[] = ['0', '0']
      while (!signal.aborted) {
        const { rows } = await client.query(select(world.schema), last)
        for (const { id, stream, version, position, age } of rows) {
          last = [position, age]
          yield {
            id,
            streamId: stream,
            version: Number(version),
            position: Number(position),
          } satisfies FeedEvent
        }
        await sleep(2)
      }
    } finally {
      await client.end()
    }
  }
}

// Positions and versions tell the events apart, so that the reader needs no join with `streams`.
const columns = 'event_id as id, stream_key as stream, version, position, xmin::text as age'

/** `position > checkpoint`, the obvious first attempt. */
const byPosition = (schema: string) =>
  `select ${columns} from ${schema}.events where position > $1 and $2::text is not null order by position`

/** By transaction id, below the oldest running transaction: the usual second attempt. */
const byTransaction = (schema: string) => `
  select ${columns} from ${schema}.events e
  where (xmin::text::xid8, position) > ($2::xid8, $1) and xmin::text::xid8 < pg_snapshot_xmin(pg_current_snapshot())
  order by e.xmin::text::xid8, e.position`

async function reportsOf(
  readersIn: (world: PgWorld, store: Awaited<ReturnType<PgWorld['open']>>) => FeedReader[],
  seed: number,
): Promise<readonly FeedReport[]> {
  if (running === undefined) throw new Error('The server did not start')
  const world = await running.world()
  try {
    const store = await world.open()
    await store.streamInfo('first use creates the tables')
    return await runFeedScenario(world, store, readersIn(world, store), { seed, writers: 20, rounds: 12 })
  } finally {
    await world.end()
  }
}

it('shows everything in order, while readers by position miss events and readers by transaction reorder them', async ({
  skip,
}) => {
  skip(serverUrl === undefined, reason)
  const [ours, naive, aged] = await reportsOf(
    (world, store) => [
      (signal) => store.readAll({ follow: true, signal }),
      polling(world, byPosition),
      polling(world, byTransaction),
    ],
    1,
  )
  expect(ours).toMatchObject(faultless)
  expect(ours?.recorded).toBeGreaterThan(300)
  expect(naive?.missed).toBeGreaterThan(0)
  expect(naive).toMatchObject({ repeated: 0, phantom: 0, reordered: 0 })
  expect(aged).toMatchObject({ missed: 0, repeated: 0, phantom: 0 })
  expect(aged?.reordered).toBeGreaterThan(0)
  expect(aged?.disordered).toBeGreaterThan(0)
})

it('shows everything in order, in random scenarios', async ({ skip }) => {
  skip(serverUrl === undefined, reason)
  for (const seed of [2, 3]) {
    const reports = await reportsOf(
      (_, store) => [
        (signal) => store.readAll({ follow: true, signal }),
        (signal) => store.readAll({ follow: true, signal }),
      ],
      seed,
    )
    for (const report of reports) expect(report).toMatchObject(faultless)
  }
})
