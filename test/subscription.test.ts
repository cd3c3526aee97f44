/** Subscriptions on a store in memory: what options mean, which states there are, and what happens when it goes wrong. */
import { afterEach, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest'
import { systemClock } from '../src/clock.ts'
import { counted, range } from '../src/conformance/events.ts'
import { latch } from '../src/conformance/expect.ts'
import { isAway, ReadOnlyReplicaError, StoreUnavailableError } from '../src/errors.ts'
import type { RecordedEvent } from '../src/event.ts'
import { memoryStorage } from '../src/memory/store.ts'
import { InlineProjections } from '../src/projection/inline.ts'
import type { Storage } from '../src/storage.ts'
import type { SubscriptionEnvironment } from '../src/subscription/environment.ts'
import { runOnce } from '../src/subscription/run-once.ts'
import { startSubscription } from '../src/subscription/start.ts'
import type {
  HandlerContext,
  SubscribeOptions,
  Subscription,
  SubscriptionState,
} from '../src/subscription/subscription.ts'
import { uuidv7 } from '../src/uuid.ts'
import { Wakeup } from '../src/wakeup.ts'

let storage: Storage
let wakeup: Wakeup
let environment: SubscriptionEnvironment
let started: Subscription[]

beforeEach(() => {
  storage = memoryStorage(new InlineProjections())
  wakeup = new Wakeup()
  environment = { storage, wakeup, clock: systemClock }
  started = []
})
afterEach(async () => {
  await Promise.all(started.map((subscription) => subscription.stop({ timeout: 0 })))
})

function start(options: SubscribeOptions): Subscription {
  const subscription = startSubscription(environment, options, () => {})
  started.push(subscription)
  return subscription
}

/** Whose failure is to be looked at later. */
function failing(options: SubscribeOptions): Subscription {
  const subscription = start(options)
  subscription.done.catch(() => {})
  return subscription
}

async function append(count: number, from = 1, streamId = 'a'): Promise<void> {
  const events = counted(count, from).map(({ type, data }) => {
    const prepared = { type, data: JSON.stringify(data), metadata: '{}', tags: [] }
    return { id: uuidv7(), idFrom: 'library' as const, ...prepared }
  })
  await storage.append([{ streamId, expectedVersion: 'any', events }])
  wakeup.wake()
}

/**
 * Time that goes on in steps of 5 ms, however long the machine takes between them: a lease of some milliseconds ends only
 * if it is not renewed in time.
 */
function useSteadyTime(): void {
  vi.useFakeTimers({
    toFake: ['setTimeout', 'clearTimeout', 'performance'],
    shouldAdvanceTime: true,
    advanceTimeDelta: 5,
  })
  onTestFinished(() => void vi.useRealTimers())
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await systemClock.sleep(5)
}

const name = 'tested'
const quick = { backoff: 1 }
const fails = () => {
  throw new Error('it fails')
}

describe('options', () => {
  const handle = () => {}
  it.each([
    ['options', undefined],
    ['name', { handle }],
    ['name', { name: '$mine', handle }],
    ['handle', { name }],
    ['handle', { name, handle, handleBatch: handle }],
    ['from', { name, handle, from: 'start' }],
    ['from', { name, handle, from: -1 }],
    ['from', { name, handle, from: new Date(Number.NaN) }],
    ['partitions', { name, handle, partitions: 0 }],
    ['partitions', { name, handle, partitions: 1001 }],
    ['transactional', { name, handle, transactional: 'yes' }],
    ['types', { name, handle, types: [] }],
    ['streamPrefix', { name, handle, streamPrefix: '' }],
    ['tags', { name, handle, tags: 'a' }],
    ['batchSize', { name, handle, batchSize: 0 }],
    ['leaseTime', { name, handle, leaseTime: 2 ** 31 }],
    ['pollInterval', { name, handle, pollInterval: 0.5 }],
    ['handlerTimeout', { name, handle, handlerTimeout: 0 }],
    ['onError', { name, handle, onError: 'park' }],
    ['onError.retries', { name, handle, onError: { retries: -1 } }],
    ['onError.backoff', { name, handle, onError: { backoff: '1s' } }],
    ['onError.action', { name, handle, onError: { action: 'ignore' } }],
    ['onStateChange', { name, handle, onStateChange: 'log' }],
    ['projection', { projection: { name } }],
  ])('refuses a wrong %s at once', (field, options) => {
    const refusal = expect.objectContaining({ code: 'invalid-input', field })
    expect(() => start(options as never)).toThrow(refusal)
  })

  it('refuses another number of partitions than the subscription was made with', async () => {
    await start({ name, handle, partitions: 2 }).caughtUp({ position: 0 })
    await vi.waitFor(async () => expect((await storage.checkpoints(name)).length).toBe(2))
    const cause = expect.objectContaining({ code: 'invalid-input', field: 'partitions' })
    await expect(failing({ name, handle }).done).rejects.toMatchObject({ cause })
    await expect(runOnce(environment, { name, handle })).rejects.toMatchObject({ cause })
  })
})

describe('states', () => {
  it('are told as they change', async () => {
    await append(5)
    const states: SubscriptionState[] = []
    let left = 1
    const subscription = start({
      name,
      batchSize: 2,
      onError: quick,
      onStateChange: (state) => states.push(state),
      handle: ({ position }) => {
        if (position === 4 && left-- > 0) throw new Error('once')
      },
    })
    await subscription.caughtUp()
    await vi.waitFor(async () => expect((await subscription.status()).state).toBe('live'))
    await subscription.stop()
    expect(states).toEqual([
      'leasing',
      'catching-up',
      'retrying',
      'catching-up',
      'live',
      'stopping',
      'stopped',
    ])
    expect((await subscription.status()).lastError).toMatchObject({ message: 'once' })
  })

  it('of a listener that throws: the subscription fails with what it threw', async () => {
    const onStateChange = (state: SubscriptionState) => {
      if (state === 'live') throw new Error('a bad listener')
    }
    const { done } = failing({ name, handle() {}, onStateChange })
    await expect(done).rejects.toMatchObject({ cause: { message: 'a bad listener' } })
  })
})

describe('a handler that fails', () => {
  it('is called again with a pause that doubles, and then the subscription fails, naming the event', async () => {
    await append(3)
    const attempts: number[] = []
    const pauses: number[] = []
    const sleep = environment.clock.sleep
    environment = {
      ...environment,
      clock: {
        now: systemClock.now,
        sleep: (milliseconds, signal) => {
          if (milliseconds < 300) pauses.push(milliseconds)
          return sleep(milliseconds, signal)
        },
      },
    }
    const seen: number[] = []
    const subscription = failing({
      name,
      onError: { retries: 3, backoff: 8 },
      handle({ position }, { attempt }) {
        if (position === 2) {
          attempts.push(attempt)
          fails()
        }
        seen.push(position)
      },
    })
    await expect(subscription.done).rejects.toMatchObject({
      code: 'subscription-failed',
      position: 2,
      cause: { message: 'it fails' },
    })
    expect(seen).toEqual([1])
    expect(attempts).toEqual([1, 2, 3, 4])
    expect(pauses.length).toBe(3)
    for (const [index, pause] of pauses.entries()) {
      expect(pause).toBeGreaterThanOrEqual(4 * 2 ** index)
      expect(pause).toBeLessThanOrEqual(8 * 2 ** index)
    }
    const status = await subscription.status()
    expect(status).toMatchObject({ state: 'failed', checkpoint: 1, owners: [] })
    await expect(subscription.caughtUp()).rejects.toBe(status.lastError)
    await subscription.stop()
  })

  it('of which nobody hears ends in an unhandled rejection, though somebody once waited for it', async () => {
    // The test runner listens, too.
    const others = process.listeners('unhandledRejection')
    process.removeAllListeners('unhandledRejection')
    const told = new Promise<unknown>((resolve) => process.once('unhandledRejection', resolve))
    try {
      const subscription = start({ name, handle: fails, onError: { retries: 0 } })
      await subscription.caughtUp()
      await append(1)
      expect(await told).toMatchObject({ code: 'subscription-failed', position: 1 })
    } finally {
      for (const listener of others) process.on('unhandledRejection', listener)
    }
  })

  it('is told to whoever waits for the subscription to catch up, and to nobody else', async () => {
    await append(1)
    const subscription = start({ name, handle: fails, onError: { retries: 0 } })
    await expect(subscription.caughtUp()).rejects.toMatchObject({ code: 'subscription-failed', position: 1 })
  })

  it('takes too long: it is told by its signal, and that counts as a try', async () => {
    await append(1)
    const reasons: unknown[] = []
    const subscription = start({
      name,
      handlerTimeout: 5,
      onError: { ...quick, retries: 1, action: 'park' },
      handle: (_, { signal }) =>
        new Promise((_, reject) => {
          signal.addEventListener('abort', () => {
            reasons.push(signal.reason)
            reject(new Error('given up'))
          })
        }),
    })
    await subscription.caughtUp()
    const timeout = expect.objectContaining({ code: 'handler-timeout', milliseconds: 5 })
    expect(reasons).toEqual([timeout, timeout])
    const [parked] = await storage.listParked(name, 0, 10)
    expect(parked).toMatchObject({
      attempts: 2,
      error: 'HandlerTimeoutError: The handler did not finish within 5 ms',
    })
  })

  it('with a batch is called with each event alone, to find the one at fault', async () => {
    await append(5)
    const calls: number[][] = []
    const subscription = start({
      name,
      onError: { ...quick, retries: 1, action: 'park' },
      handleBatch(events) {
        const positions = events.map(({ position }) => position)
        calls.push(positions)
        if (positions.includes(3)) fails()
      },
    })
    await subscription.caughtUp()
    expect(calls).toEqual([[1, 2, 3, 4, 5], [1], [2], [3], [3], [4], [5]])
    expect((await storage.listParked(name, 0, 10)).map(({ position }) => position)).toEqual([3])
  })

  it('in batches is called with so many events at most', async () => {
    await append(8)
    const calls: number[][] = []
    const handleBatch = (events: readonly RecordedEvent[]) =>
      void calls.push(events.map(({ position }) => position))
    await start({ name, batchSize: 3, handleBatch }).caughtUp()
    expect(calls).toEqual([
      [1, 2, 3],
      [4, 5, 6],
      [7, 8],
    ])
  })

  it('asks for a transaction it has none of: that is a mistake, which is told', async () => {
    await append(1)
    const { done } = failing({
      name,
      onError: { retries: 0 },
      handle: (_, context) => void context.tx.documents('x'),
    })
    await expect(done).rejects.toMatchObject({ cause: { code: 'invalid-input', field: 'tx' } })
  })

  it('because its own store is away has failed, and is not called for ever', async () => {
    await append(1)
    for (const transactional of [true, false]) {
      let calls = 0
      const { done } = failing({
        name: `${name}-${transactional}`,
        transactional,
        onError: { ...quick, retries: 2 },
        handle() {
          calls++
          throw new StoreUnavailableError('Asking another store', 1, 'it is away')
        },
      })
      await expect(done).rejects.toMatchObject({ position: 1, cause: { code: 'store-unavailable' } })
      expect(calls).toBe(3)
    }
  })
})

describe('a storage that cannot be reached', () => {
  /** Fails so many calls of each of these, in one of the ways there are and then the other. */
  function unreachable(times: number, ...methods: (keyof Storage)[]): void {
    const broken: Record<string, unknown> = { ...storage }
    for (const method of methods) {
      let left = times
      const call = storage[method] as (...parameters: unknown[]) => Promise<unknown>
      broken[method] = async (...parameters: unknown[]) => {
        if (left-- > 0)
          throw left % 2 === 0
            ? new ReadOnlyReplicaError()
            : new StoreUnavailableError(method, 1, 'nobody answers')
        return call(...parameters)
      }
    }
    environment = { ...environment, storage: broken as unknown as Storage }
  }

  it.each([true, false])(
    'is tried again until it can, without counting as a try (transactional: %s)',
    async (transactional) => {
      useSteadyTime()
      await append(3)
      unreachable(
        2,
        'createSubscription',
        'keepLeases',
        'readLog',
        'transaction',
        'advance',
        'releaseLeases',
        'leave',
      )
      const seen: string[] = []
      const subscription = start({
        name,
        transactional,
        leaseTime: 60,
        onError: { retries: 0 },
        handle: ({ position }, { attempt }) => void seen.push(`${position}/${attempt}`),
      })
      await subscription.caughtUp()
      expect(seen).toEqual(['1/1', '2/1', '3/1'])
      expect((await subscription.status()).lastError).toSatisfy(isAway)
      await subscription.stop()
      expect((await subscription.status()).state).toBe('stopped')
    },
  )

  it('does not keep a subscription from being stopped', async () => {
    unreachable(Number.POSITIVE_INFINITY, 'createSubscription', 'leave')
    const subscription = start({ name, handle() {} })
    await vi.waitFor(async () => expect((await subscription.status()).state).toBe('retrying'))
    await subscription.stop()
    await subscription.done
  })
})

describe('stopping', () => {
  it('finishes the event that is handled, and no other, and stores that it was', async () => {
    await append(3)
    const [begun, finish] = [latch(), latch()]
    const seen: number[] = []
    const subscription = start({
      name,
      async handle({ position }) {
        begun.release()
        await finish.released
        seen.push(position)
      },
    })
    await begun.released
    const stopped = subscription.stop()
    expect((await subscription.status()).state).toBe('stopping')
    finish.release()
    await stopped
    await subscription.done
    expect(seen).toEqual([1])
    expect(await storage.checkpoints(name)).toEqual([{ partition: 0, position: 1, owner: undefined }])
    await subscription.stop()
  })

  it('gives up on a handler that never returns, and leaves its event to others', async () => {
    await append(2)
    const begun = latch()
    const subscription = start({
      name,
      handle: ({ position }) => {
        if (position === 1) return
        begun.release()
        return new Promise(() => {})
      },
    })
    await begun.released
    await subscription.stop({ timeout: 10 })
    const seen: number[] = []
    const next = start({ name, handle: ({ position }) => void seen.push(position) })
    await next.caughtUp({ timeout: 5_000 })
    // The first was handled, but what was given up cannot tell that any more.
    expect(seen.at(-1)).toBe(2)
  })

  it('keeps the lease while the handler finishes, however long that takes', async () => {
    useSteadyTime()
    await append(1)
    const [begun, finish] = [latch(), latch()]
    let calls = 0
    const handle = async () => {
      calls++
      begun.release()
      await finish.released
    }
    const first = start({ name, leaseTime: 60, handle })
    await begun.released
    const stopped = first.stop()
    const second = start({ name, leaseTime: 60, handle })
    await systemClock.sleep(200)
    expect(calls).toBe(1)
    finish.release()
    await stopped
    await second.caughtUp()
    expect(calls).toBe(1)
  })

  it('in favour of another worker is not undone by an answer from before', async () => {
    useSteadyTime()
    const begun: string[] = []
    const [asked, given, answered] = [latch(), latch(), latch()]
    let isGivingUp = false
    environment = {
      ...environment,
      storage: {
        ...storage,
        async keepLeases(...parameters) {
          const kept = await storage.keepLeases(...parameters)
          if (isGivingUp) {
            // The next look finds the lease still here, and is answered when it is not any more.
            asked.release()
            await given.released
            await new Promise(setImmediate)
            setImmediate(answered.release)
          }
          return kept
        },
        async releaseLeases(...parameters) {
          // Who it is for is gone again, so that the share is as it was.
          await storage.leave(name, 'other')
          isGivingUp = true
          await asked.released
          await storage.releaseLeases(...parameters)
          given.release()
        },
        // The first thing that is done with a lease.
        parkedToHandle(lease, ...rest) {
          begun.push(`${lease.partition}/${lease.token}`)
          return storage.parkedToHandle(lease, ...rest)
        },
      },
    }
    const subscription = start({ name, partitions: 2, leaseTime: 90, handle() {} })
    await until(() => begun.length === 2)
    await storage.keepLeases(name, 'other', 60_000)
    await answered.released
    await until(() => begun.length > 2)
    await subscription.stop()
    expect(begun).toEqual(['0/1', '1/1', '1/2'])
  })

  it('ends a pause between two tries', async () => {
    await append(1)
    const failed = latch()
    const subscription = start({
      name,
      onError: { backoff: 30_000 },
      handle() {
        failed.release()
        fails()
      },
    })
    await failed.released
    await subscription.stop()
    expect((await storage.checkpoints(name))[0]?.position).toBe(0)
  })

  it('happens at the end of a block', async () => {
    let used: Subscription
    {
      await using subscription = start({ name, handle() {} })
      await subscription.caughtUp()
      used = subscription
    }
    expect((await used.status()).state).toBe('stopped')
  })
})

describe('reading', () => {
  it('holds one page ahead of the one that is handled, and no more', async () => {
    await append(10)
    const asked: number[] = []
    environment = {
      ...environment,
      storage: {
        ...storage,
        readLog: (query, signal) => {
          asked.push(query.after)
          return storage.readLog({ ...query, limit: 3 }, signal)
        },
      },
    }
    const askedWhen: number[] = []
    const subscription = start({
      name,
      handle: async () => {
        await new Promise(setImmediate)
        askedWhen.push(Math.max(...asked))
      },
    })
    await subscription.caughtUp()
    expect(askedWhen).toEqual([3, 3, 3, 6, 6, 6, 9, 9, 9, 9])
  })

  it('is woken at once by what this process appends', async () => {
    const seen: number[] = []
    const subscription = start({
      name,
      pollInterval: 60_000,
      handle: ({ position }) => void seen.push(position),
    })
    await subscription.caughtUp({ position: 0 })
    // Long enough for the naps to have become long.
    await systemClock.sleep(100)
    await append(1)
    await subscription.caughtUp({ timeout: 5_000 })
    expect(seen).toEqual([1])
  })

  it('begins where it is told to, and goes on where it was', async () => {
    await append(3)
    const seen: number[] = []
    const handle = ({ position }: RecordedEvent) => void seen.push(position)
    await runOnce(environment, { name, handle, from: 2 })
    await append(2, 4)
    await runOnce(environment, { name, handle, from: 'beginning' })
    expect(seen).toEqual([3, 4, 5])
  })

  it('begins at the end of what is settled, so that nothing that commits late is skipped', async () => {
    await append(3)
    const settled = { ...storage }
    // The last two are not settled yet.
    settled.readLog = (query, signal) =>
      storage.readLog({ ...query, until: Math.min(query.until, 1) }, signal)
    const seen: number[] = []
    const handle = ({ position }: RecordedEvent) => void seen.push(position)
    for (const from of ['end', new Date(Date.now() + 1_000)] as const) {
      const own = `${name} from ${typeof from}`
      await runOnce({ ...environment, storage: settled }, { name: own, handle, from }, { maxMs: 50 })
      await runOnce(environment, { name: own, handle })
    }
    expect(seen).toEqual([2, 3, 2, 3])
  })
})

describe('a projection', () => {
  it('in another version than was built fails the subscription at once', async () => {
    const { projection } = await import('../src/projection/projection.ts')
    const counts = (version: number) =>
      projection({
        name,
        version,
        key: () => 'all',
        initialState: () => 0,
        evolve: (count: number) => count + 1,
      })
    await append(2)
    expect(await runOnce(environment, { projection: counts(1) })).toMatchObject({
      handled: 2,
      caughtUp: true,
    })
    const { done } = failing({ projection: counts(2) })
    await expect(done).rejects.toMatchObject({ cause: { code: 'projection-version', registered: 1 } })
  })
})

it('hands out transactions whose writes are there exactly once', async () => {
  await append(20)
  let failures = 5
  const subscription = start({
    name,
    transactional: true,
    onError: { ...quick, retries: 10 },
    async handle({ position }, { tx }: HandlerContext) {
      const sums = tx.documents<number>('sums')
      await sums.put('all', ((await sums.get('all')) ?? 0) + position)
      if (position === 7 && failures-- > 0) fails()
    },
  })
  await subscription.caughtUp()
  const sum = range(1, 20).reduce((a, b) => a + b)
  expect((await storage.readDocument('sums', 'all'))?.state).toBe(String(sum))
})
