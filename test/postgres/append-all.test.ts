/**
 * The fault: `appendAll` looked for each stream in the list of all streams that the call had created, so that 10,000 new
 * streams took six times as long as 10,000 existing ones. The test compares the two in one run. PGlite runs Postgres in
 * this process, so the test can count the processor's time, which other processes do not disturb.
 */
import { postgresStore } from '@eventsourced/core/postgres'
import { expect, it } from 'vitest'
import { counted, range } from '../../src/conformance/events.ts'

const streamCount = 8_000

it('appendAll takes about as long for new streams as for existing ones', async () => {
  const store = postgresStore('pglite:memory')

  async function timeToAppend(prefix: string, count: number): Promise<number> {
    const streamIds = range(1, count).map((number) => `${prefix}-${number}`)
    const start = process.cpuUsage()
    await store.appendAll(streamIds.map((streamId) => ({ streamId, events: counted(1) })))
    const { user, system } = process.cpuUsage(start)
    return user + system
  }

  // Creates the tables and warms the code up, with few of the streams.
  for (const _ of range(1, 3)) await timeToAppend('warm', 500)
  const [toNew, toExisting]: [number[], number[]] = [[], []]
  for (const round of range(1, 5)) {
    toNew.push(await timeToAppend(`round-${round}`, streamCount))
    toExisting.push(await timeToAppend(`round-${round}`, streamCount))
  }
  // The least of five: other processes share the caches of the processor, which makes single times longer.
  expect(Math.min(...toNew) / Math.min(...toExisting)).toBeLessThan(1.8)
  await store.close()
}, 180_000)
