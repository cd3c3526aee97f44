/** Tests what subscriptions cost in the units that AWS bills, beside what pace.test.ts says of their number of requests. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { counted } from '../../src/conformance/events.ts'
import { sleep } from '../../src/runtime/abort.ts'
import { emulators, type Ground, type OpenedStore, startGround } from './ground.ts'
import { countUnits, type Units } from './units.ts'

// The prices of AWS in us-east-1, on demand, of November 2026: https://aws.amazon.com/dynamodb/pricing/on-demand/
const dollarsPerWrite = 0.625 / 1_000_000
const dollarsPerRead = 0.125 / 1_000_000
const secondsPerMonth = 730 * 3_600

describe.runIf(emulators.includes('dynoxide'))('billed units of subscriptions', () => {
  let ground: Ground
  beforeAll(async () => {
    ground = await startGround('dynoxide')
  })
  afterAll(() => ground?.end())

  async function unitsOf({ faults }: OpenedStore, work: () => Promise<unknown>): Promise<Units> {
    const units = countUnits(faults)
    await work()
    faults.clear()
    return units
  }

  it('runOnce with nothing new costs 3 read units, or 3.5 in a new process, and no write unit', async () => {
    const table = ground.table()
    const [warm, cold] = [ground.open(table), ground.open(table)]
    const options = { name: 's', handle() {} }
    await warm.store.append('a', counted(3))
    await warm.store.runOnce(options)
    const caughtUp = async ({ store }: OpenedStore) => expect((await store.runOnce(options)).handled).toBe(0)
    expect(await unitsOf(warm, () => caughtUp(warm))).toMatchObject({ writes: 0, reads: 1, requests: 3 })
    expect(await unitsOf(cold, () => cold.store.readStream('a'))).toMatchObject({ writes: 0 })
    const units = await unitsOf(cold, () => caughtUp(cold))
    expect(units).toMatchObject({ writes: 0, reads: 1.5, requests: 4 })
    expect(units.logReads).toBeLessThanOrEqual(2)
  })

  it('runOnce costs the same with parked events, also after they were retried', async () => {
    const opened = ground.open(ground.table())
    const { store } = opened
    const handle = () => {
      throw new Error('it fails')
    }
    const options = { name: 's', onError: { retries: 0, action: 'park' as const }, handle }
    await store.append('a', counted(20))
    expect((await store.runOnce(options)).parked).toBe(20)
    const again = () => store.runOnce(options)
    expect(await unitsOf(opened, again)).toMatchObject({ writes: 0, reads: 1, requests: 3 })
    await store.parked('s').retry({})
    expect((await again()).parked).toBe(20)
    expect(await unitsOf(opened, again)).toMatchObject({ writes: 0, reads: 1, requests: 3 })
  })

  it('a status counts 100 parked events only if they may have changed', async () => {
    const opened = ground.open(ground.table())
    const { store } = opened
    let fails = true
    const handle = () => {
      if (fails) throw new Error('it fails')
    }
    const options = { name: 's', onError: { retries: 0, action: 'park' as const }, handle }
    await Promise.all(Array.from({ length: 100 }, (_, nth) => store.append(`s${nth}`, counted(1))))
    const run = () => store.runOnce(options, { timeout: 120_000 })
    await run()
    const parkedNow = async () => (await store.subscriptionStatus('s'))?.parked
    expect(await parkedNow()).toBe(100)
    const units = await unitsOf(opened, async () => expect(await parkedNow()).toBe(100))
    expect(units.reads).toBeLessThanOrEqual(2)
    await store.parked('s').skip({ streamId: 's7' })
    expect(await parkedNow()).toBe(99)
    fails = false
    await store.parked('s').retry({ streamId: 's8' })
    expect(await parkedNow()).toBe(99)
    await run()
    expect(await parkedNow()).toBe(98)
    fails = true
    await store.append('late', counted(1))
    await run()
    expect(await parkedNow()).toBe(99)
  })

  /** Returns the units a second of a live subscription, while another process appends 18 times a second. */
  async function liveUnits(partitions: number) {
    const table = ground.table()
    const [{ store, faults }, other] = [ground.open(table), ground.open(table)]
    await other.store.append('a', counted(1))
    const subscription = store.subscribe({ name: 's', partitions, handle() {} })
    await subscription.caughtUp()
    const appendFor = async (seconds: number) => {
      const begin = performance.now()
      for (let nth = 0; nth < 18 * seconds; nth++) {
        await other.store.append(`s${nth % 50}`, counted(1))
        await sleep(Math.max(0, begin + (nth * 1_000) / 18 - performance.now()))
      }
      return (performance.now() - begin) / 1_000
    }
    // A burst is over.
    await appendFor(6)
    const units = countUnits(faults)
    const seconds = await appendFor(15)
    const { writes, reads, logReads } = units
    await subscription.stop()
    return { writes: writes / seconds, reads: (reads + logReads) / seconds }
  }

  it.concurrent('a live subscription at 18 appends a second costs at most 3 write and 5 read units a second', async () => {
    const { writes, reads } = await liveUnits(1)
    expect(writes).toBeGreaterThan(0.5)
    expect(writes).toBeLessThanOrEqual(3)
    expect(reads).toBeGreaterThan(1)
    expect(reads).toBeLessThanOrEqual(5)
  }, 120_000)

  it.concurrent('a live subscription with 8 partitions costs at most 3 write and 5 read units a second', async () => {
    const { writes, reads } = await liveUnits(8)
    expect(writes).toBeLessThanOrEqual(3)
    expect(reads).toBeLessThanOrEqual(5)
  }, 120_000)

  it.concurrent('a process with an idle subscription costs at most 50 cents a month', async () => {
    const { store, faults } = ground.open(ground.table())
    await store.append('a', counted(1))
    const subscription = store.subscribe({ name: 's', handle() {} })
    await subscription.caughtUp()
    // The pause between two looks at the log grows up to 2 s.
    await sleep(18_000)
    const units = countUnits(faults)
    const afterWrites = async (count: number) => {
      while (units.writes < count) await sleep(50)
      return { ...units, at: performance.now() }
    }
    const begin = await afterWrites(1)
    const end = await afterWrites(process.env.LONG === undefined ? 4 : 601)
    const seconds = (end.at - begin.at) / 1_000
    const writes = (end.writes - begin.writes) / seconds
    const reads = (end.reads + end.logReads - begin.reads - begin.logReads) / seconds
    const dollars = (writes * dollarsPerWrite + reads * dollarsPerRead) * secondsPerMonth
    expect(dollars).toBeGreaterThan(0.3)
    expect(dollars).toBeLessThanOrEqual(0.5)
    await subscription.stop()
  }, 4_000_000)
})
