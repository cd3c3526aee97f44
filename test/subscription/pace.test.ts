/** How often subscriptions ask a storage that bills each request, and how soon they handle events all the same. */
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { pace } from '../../src/dynamodb/pace.ts'
import type { RecordedEvent } from '../../src/event.ts'
import { systemClock } from '../../src/runtime/clock.ts'
import type { Subscription } from '../../src/subscription/subscription.ts'
import { engine, name, useEngine } from './engine.ts'

useEngine()

/** The requests of one process since the last reset. */
const requests = { polls: 0, heartbeats: 0, moves: 0 }
const reset = () => Object.assign(requests, { polls: 0, heartbeats: 0, moves: 0 })
const pass = (milliseconds: number) => vi.advanceTimersByTimeAsync(milliseconds)

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] })
  reset()
  const { storage } = engine
  engine.use({
    clock: systemClock,
    storage: {
      ...storage,
      pace,
      readLogPage(query, signal) {
        requests.polls++
        return storage.readLogPage(query, signal)
      },
      keepLeases(beats, signal) {
        requests.heartbeats++
        return storage.keepLeases(beats, signal)
      },
      advance(moves, signal) {
        requests.moves += moves.length
        return storage.advance(moves, signal)
      },
    },
  })
})
afterEach(async () => {
  const ended = engine.end()
  await pass(1_000)
  await ended
  vi.useRealTimers()
})

/** Appends like another process, so that nothing wakes the reader. */
async function appendElsewhere(count: number, streamId = 'a'): Promise<void> {
  const events = Array.from({ length: count }, () => ({
    ...{ id: crypto.randomUUID(), idFrom: 'library' as const, type: 'Counted' },
    ...{ data: JSON.stringify({ at: performance.now() }), metadata: '{}', tags: [] },
  }))
  await engine.storage.append([{ streamId, expectedVersion: 'any', events }])
}

/** Starts a subscription that has handled one event. `delays`: how long each later event waited, in milliseconds. */
async function started(partitions = 1): Promise<{ subscription: Subscription; delays: number[] }> {
  const delays: number[] = []
  const handle = ({ data }: RecordedEvent) =>
    void delays.push(performance.now() - (data as { at: number }).at)
  const subscription = engine.start({ name, partitions, handle })
  await appendElsewhere(1)
  await pass(1_000)
  delays.length = 0
  return { subscription, delays }
}

/** Appends 18 times a second. */
async function appendFor(seconds: number): Promise<void> {
  for (let nth = 0; nth < seconds * 18; nth++) {
    await appendElsewhere(1, `stream-${nth % 50}`)
    await pass(1_000 / 18)
  }
}

describe('a subscription on a storage that bills each request', () => {
  it('polls and sends heartbeats each 2 s while nothing happens, and moves no checkpoint', async () => {
    await started()
    await pass(20_000)
    reset()
    await pass(60_000)
    expect(requests).toEqual({ polls: 30, heartbeats: 30, moves: 0 })
  })

  it('polls no more often with 50 subscriptions', async () => {
    for (let nth = 0; nth < 50; nth++) engine.start({ name: `${name} ${nth}`, handle() {} })
    await pass(30_000)
    reset()
    await pass(60_000)
    expect(requests).toEqual({ polls: 30, heartbeats: 30, moves: 0 })
  })

  it.each([1, 8])(
    'polls 8 times a second and moves 2 checkpoints a second at 18 appends a second, with %d partitions',
    async (partitions) => {
      const { delays } = await started(partitions)
      await appendFor(20)
      reset()
      delays.length = 0
      await appendFor(60)
      expect(requests.polls).toBeGreaterThan(400)
      expect(requests.polls).toBeLessThanOrEqual(8 * 60 + 1)
      expect(requests.moves).toBeLessThanOrEqual(2 * 60 + partitions)
      expect(requests.heartbeats).toBe(30)
      expect(delays.length).toBeGreaterThan(18 * 60 - 5)
      expect(Math.max(...delays)).toBeLessThan(200)
    },
  )

  it('handles an event of another process after at most 0.25 s and an eighth of the quiet time before it', async () => {
    const { delays } = await started()
    for (const quiet of [1_000, 2_000, 4_000, 8_000, 12_000]) {
      await appendElsewhere(1)
      await pass(quiet)
      delays.length = 0
      await appendElsewhere(1)
      await pass(2_500)
      expect(delays.pop()).toBeLessThanOrEqual(250 + quiet / 8 + 5)
    }
  })

  it('handles an event of its own process at once after a quiet time', async () => {
    const { delays } = await started()
    await pass(60_000)
    const before = performance.now()
    await engine.append(1)
    await pass(10)
    expect(delays).toHaveLength(1)
    expect(performance.now() - before).toBeLessThanOrEqual(10)
  })

  it('polls as often as a shorter pollInterval asks for', async () => {
    engine.start({ name, pollInterval: 20, handle() {} })
    await pass(1_000)
    reset()
    await pass(10_000)
    expect(requests.polls).toBeGreaterThan(450)
  })

  it('stores a checkpoint at once for `caughtUp`, and when it stops', async () => {
    const { subscription } = await started(8)
    await appendFor(20)
    const position = await engine.storage.lastPosition()
    const caughtUp = subscription.caughtUp()
    await pass(400)
    await caughtUp
    expect(await lowest()).toBeGreaterThanOrEqual(position)
    await appendFor(5)
    const last = await engine.storage.lastPosition()
    await pass(200)
    expect(await lowest()).toBeLessThan(last)
    const stopped = subscription.stop()
    await pass(200)
    await stopped
    expect(Math.max(...(await positions()))).toBe(last)
  })

  it('stores each checkpoint at most 5 s after its events, however many partitions there are', async () => {
    await started(30)
    await appendFor(10)
    const position = await engine.storage.lastPosition()
    await appendFor(7)
    expect(await lowest()).toBeGreaterThanOrEqual(position)
  })
})

const positions = async () => (await engine.storage.checkpoints(name)).map(({ position }) => position)
const lowest = async () => Math.min(...(await positions()))
