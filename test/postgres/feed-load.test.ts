/** The log under load: many writers with slow commits and rollbacks on two streams, followed by readers and subscriptions. */
import { type EventStore, projection } from '@eventsourced/core'
import { checkFeed, type FeedEvent } from '@eventsourced/core/conformance'
import { afterAll, beforeAll, expect, inject, it } from 'vitest'
import { collect, identified, range } from '../../src/conformance/events.ts'
import { sleep } from '../../src/runtime/abort.ts'
import { rounds } from '../rounds.ts'
import { type PgWorld, startPg } from '../worlds/pg.ts'

const enough = 50_000 * rounds
const faultless = { missed: 0, repeated: 0, phantom: 0, reordered: 0, disordered: 0 }

let running: Awaited<ReturnType<typeof startPg>>
let world: PgWorld

beforeAll(async () => {
  running = await startPg(inject('servers').postgres)
  world = await running.world()
})

afterAll(async () => {
  await world.end()
  await running.stop()
})

/** Follows the log until the event in the stream `last`. Returns all events that it received. */
async function follow(store: EventStore): Promise<FeedEvent[]> {
  const shown: FeedEvent[] = []
  for await (const { id, streamId, version, position } of store.readAll({ follow: true })) {
    shown.push({ id, streamId, version, position })
    if (streamId === 'last') break
  }
  return shown
}

const counts = projection({
  name: 'counts',
  key: ({ streamId }) => streamId,
  initialState: () => ({ count: 0 }),
  evolve: ({ count }) => ({ count: count + 1 }),
})

it(`24 writers append more than ${enough} events to two streams, and readers miss none, repeat none and see none too early`, async () => {
  const committed = new Set<string>()
  let undone = 0
  const perhaps = (probability: number) => Math.random() < probability
  const writing = range(1, 24).map(async (writer) => {
    while (committed.size < enough) {
      const transaction = await world.begin()
      if (perhaps(0.3)) await transaction.writeElsewhere()
      if (perhaps(0.3)) await sleep(Math.random() * 10)
      const events = identified(1 + Math.floor(Math.random() * 120))
      await transaction.append(`shared-${writer % 2}`, events)
      if (perhaps(0.3)) await sleep(Math.random() * 10)
      if (perhaps(0.2)) {
        await transaction.rollback()
        undone++
      } else {
        await transaction.commit()
        for (const { id } of events) committed.add(id)
      }
    }
  })

  const stores = await Promise.all(range(1, 4).map(() => world.open()))
  const [store, other, third, fourth] = stores as [EventStore, EventStore, EventStore, EventStore]
  const followed = [follow(store), follow(other)]
  const subscribed: FeedEvent[] = []
  const single = store.subscribe({ name: 'single', handle: (event) => void subscribed.push(event) })
  // Two workers, each with half of the partitions.
  const shared: FeedEvent[] = []
  const workers = [third, fourth].map((one) =>
    one.subscribe({ name: 'shared', partitions: 4, handle: (event) => void shared.push(event) }),
  )
  const projected = other.subscribe({ projection: counts })

  await Promise.all(writing)
  const last = identified(1)
  await store.append('last', last)
  for (const { id } of last) committed.add(id)
  const expected = { recorded: committed.size, ...faultless }
  for (const shown of await Promise.all(followed)) expect(checkFeed(committed, shown)).toEqual(expected)
  const log = await collect(store.readAll())
  expect(checkFeed(committed, log)).toEqual(expected)

  for (const subscription of [single, ...workers, projected]) await subscription.caughtUp({ timeout: 60_000 })
  const got = new Set(subscribed.map(({ id }) => id))
  // The places of missing events show whether the fault is at the edge of an append or of a page.
  const missing = log
    .filter(({ id }) => !got.has(id))
    .map(({ streamId, version, position }) => [streamId, version, position])
  expect({ missing, ...checkFeed(committed, subscribed) }).toEqual({ missing: [], ...expected })
  // Partitions deliver streams independently of each other; within a stream the order holds.
  expect(checkFeed(committed, shared)).toEqual({ ...expected, reordered: expect.any(Number) })
  const counted = await collect(store.view(counts).list())
  expect(counted.reduce((sum, { state }) => sum + state.count, 0)).toBe(committed.size)
  expect(committed.size).toBeGreaterThan(enough)
  expect(undone).toBeGreaterThan(0)
}, 180_000)
