/** The feed under load: many writers with slow commits and rollbacks on two streams, and readers that follow. */
import { checkFeed, type FeedEvent } from '@eventsourced/core/conformance'
import { afterAll, beforeAll, expect, inject, it } from 'vitest'
import { sleep } from '../../src/abort.ts'
import { collect, identified, range } from '../../src/conformance/events.ts'
import { type PgWorld, startPg } from '../worlds/pg.ts'

const enough = 30_000
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

it('24 writers append more than 30,000 events to two streams, and no reader misses one or sees it too early', async () => {
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

  const followed = range(1, 3).map(async () => {
    const store = await world.open()
    const shown: FeedEvent[] = []
    for await (const { id, streamId, version, position } of store.readAll({ follow: true })) {
      shown.push({ id, streamId, version, position })
      if (streamId === 'last') break
    }
    return shown
  })

  await Promise.all(writing)
  const store = await world.open()
  const last = identified(1)
  await store.append('last', last)
  for (const { id } of last) committed.add(id)
  for (const shown of await Promise.all(followed)) {
    expect(checkFeed(committed, shown)).toEqual({ recorded: committed.size, ...faultless })
  }
  expect(checkFeed(committed, await collect(store.readAll()))).toMatchObject(faultless)
  expect(committed.size).toBeGreaterThan(enough)
  expect(undone).toBeGreaterThan(0)
})
