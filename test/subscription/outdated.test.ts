/** A worker that meets an event of a newer release leaves its work to newer processes, and comes back after a while. */
import { defineEvents, type Event, payload, type RecordedEvent } from '@eventsourced/core'
import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import type { EventDefinitions } from '../../src/catalogue/definitions.ts'
import { knownEventsOf } from '../../src/catalogue/known-events.ts'
import { engineEnvironment } from '../../src/engine/environment.ts'
import { memoryStorage } from '../../src/memory/store.ts'
import { InlineProjections } from '../../src/projection/inline.ts'
import { type Clock, systemClock } from '../../src/runtime/clock.ts'
import { Wakeup } from '../../src/runtime/wakeup.ts'
import { startSubscription } from '../../src/subscription/start.ts'
import type {
  SubscribeOptions,
  Subscription,
  SubscriptionState,
} from '../../src/subscription/subscription.ts'
import { uuidv7 } from '../../src/uuid.ts'

const older = defineEvents({ Good: payload<object>() })
const newer = defineEvents({ Good: payload<object>(), New: payload<object>() })

let storage: ReturnType<typeof memoryStorage>
let wakeup: Wakeup
/** The pauses of workers that have stepped back, in milliseconds. Each of them ends after one. */
let pauses: number[]
let running: Subscription[]

beforeEach(() => {
  storage = memoryStorage(new InlineProjections())
  wakeup = new Wakeup()
  pauses = []
  running = []
})
afterEach(() => Promise.all(running.map((subscription) => subscription.stop({ timeout: 0 }))))

// With a lease time of one second, no other wait of a worker is that long.
const shortestPause = 2_000

const clock: Clock = {
  now: systemClock.now,
  sleep(milliseconds, signal) {
    if (milliseconds < shortestPause) return systemClock.sleep(milliseconds, signal)
    pauses.push(milliseconds)
    return systemClock.sleep(1, signal)
  },
}

interface Started {
  readonly subscription: Subscription
  readonly handled: RecordedEvent[]
  readonly states: SubscriptionState[]
}

function start(events: EventDefinitions<Event>, options: Partial<SubscribeOptions> = {}): Started {
  const handled: RecordedEvent[] = []
  const states: SubscriptionState[] = []
  const environment = engineEnvironment({ storage, known: knownEventsOf(events), wakeup, clock })
  const all = {
    name: 's',
    leaseTime: 1_000,
    handle: (event: RecordedEvent) => void handled.push(event),
    onStateChange: (state: SubscriptionState) => void states.push(state),
    ...options,
  } as SubscribeOptions
  const { subscription } = startSubscription(environment, all, () => {})
  running.push(subscription)
  return { subscription, handled, states }
}

async function append(streamId: string, ...types: readonly string[]): Promise<void> {
  const events = types.map((type) => {
    const form = { type, data: '{}', metadata: '{}', tags: [] }
    return { id: uuidv7(), idFrom: 'library' as const, ...form }
  })
  await storage.append([{ streamId, expectedVersion: 'any', events }])
  wakeup.wake()
}

const typesOf = (handled: readonly RecordedEvent[]) => handled.map(({ type }) => type)

it('tries again after 5 s, and doubles the pause up to 60 s, without handling anything twice', async () => {
  await append('a', 'Good', 'New', 'Good')
  const { subscription, handled, states } = start(older)
  await vi.waitUntil(() => pauses.length >= 7, { timeout: 20_000 })
  const longest = [5_000, 10_000, 20_000, 40_000, 60_000, 60_000, 60_000]
  for (const [index, most] of longest.entries()) {
    expect(pauses[index]).toBeGreaterThanOrEqual(most / 2)
    expect(pauses[index]).toBeLessThanOrEqual(most)
  }
  expect(typesOf(handled)).toEqual(['Good'])
  expect(states.filter((state) => state === 'outdated').length).toBeGreaterThanOrEqual(7)
  expect(states).not.toContain('failed')
  expect((await subscription.status()).parked).toBe(0)
})

it('works on once a newer process has handled the event, and steps back at the next one', async () => {
  await append('a', 'Good', 'New')
  const old = start(older)
  await vi.waitUntil(() => pauses.length > 0)
  const upgraded = start(newer)
  await upgraded.subscription.caughtUp()
  await upgraded.subscription.stop()
  await append('a', 'Good')
  await old.subscription.caughtUp()
  expect(typesOf(upgraded.handled)).toEqual(['New'])
  expect(typesOf(old.handled)).toEqual(['Good', 'Good'])
  expect(old.states.at(-1)).toBe('live')
  await append('b', 'New')
  const last = start(newer)
  await last.subscription.caughtUp()
  expect(typesOf([...old.handled, ...upgraded.handled, ...last.handled]).sort()).toEqual([
    'Good',
    'Good',
    'New',
    'New',
  ])
})

it('releases all its partitions, after the running handlers have ended', async () => {
  const streams = Array.from({ length: 20 }, (_, index) => `s${index}`)
  for (const stream of streams) await append(stream, 'Good')
  await append('s0', 'New')
  let isAtWork = 0
  const handled: string[] = []
  const old = start(older, {
    partitions: 4,
    transactional: false,
    async handle({ streamId }: RecordedEvent) {
      isAtWork++
      await systemClock.sleep(2)
      isAtWork--
      handled.push(streamId)
    },
  })
  await vi.waitUntil(() => old.states.includes('outdated'))
  expect(isAtWork).toBe(0)
  const upgraded = start(newer, { partitions: 4 })
  await upgraded.subscription.caughtUp()
  const all = [...handled, ...upgraded.handled.map(({ streamId }) => streamId)]
  expect(all.sort()).toEqual([...streams, 's0'].sort())
})

it('stops at once while it is outdated', async () => {
  await append('a', 'New')
  const environment = engineEnvironment({ storage, known: knownEventsOf(older), wakeup, clock: systemClock })
  const states: SubscriptionState[] = []
  const { subscription } = startSubscription(
    environment,
    { name: 's', handle() {}, onStateChange: (state) => void states.push(state) },
    () => {},
  )
  await vi.waitUntil(() => states.includes('outdated'))
  const before = performance.now()
  await subscription.stop()
  expect(performance.now() - before).toBeLessThan(1_000)
  expect(states.at(-1)).toBe('stopped')
})

it('stops in time while it steps back and the storage does not answer', async () => {
  await append('a', 'Good', 'New')
  const { keepLeases } = storage
  let calls = 0
  storage.keepLeases = (...parameters) =>
    calls++ === 0 ? keepLeases.apply(storage, parameters) : new Promise(() => {})
  const { subscription, handled } = start(older, {
    async handle(event: RecordedEvent) {
      await vi.waitUntil(() => calls > 1, { timeout: 10_000 })
      handled.push(event)
    },
  })
  await vi.waitUntil(() => handled.length > 0, { timeout: 10_000 })
  await systemClock.sleep(50)
  const stopped = subscription.stop({ timeout: 100 }).then(() => 'stopped')
  expect(await Promise.race([stopped, systemClock.sleep(3_000)])).toBe('stopped')
})
