/** Subscriptions on a storage in memory: their options, their states, and when they read the log. */
import { describe, expect, it, vi } from 'vitest'
import { range } from '../../src/conformance/events.ts'
import type { RecordedEvent } from '../../src/event.ts'
import { systemClock } from '../../src/runtime/clock.ts'
import { runOnce } from '../../src/subscription/run-once.ts'
import type { HandlerContext, SubscriptionState } from '../../src/subscription/subscription.ts'
import { engine, fails, name, quick, useEngine } from './engine.ts'

useEngine()

describe('options', () => {
  const handle = () => {}
  it.each([
    ['options', undefined],
    ['name', { handle }],
    ['name', { name: '$mine', handle }],
    ['handle', { name }],
    ['handle', { name, handle, handleBatch: handle }],
    ['from', { name, handle, from: 'start' }],
    ['from', { name, handle, from: 3 as never }],
    ['from', { name, handle, from: {} as never }],
    ['from.after', { name, handle, from: { after: -1 } }],
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
    ['onError.retryIf', { name, handle, onError: { retryIf: false } }],
    ['onStateChange', { name, handle, onStateChange: 'log' }],
    ['projection', { projection: { name } }],
  ])('refuses a wrong %s at once', (field, options) => {
    const refusal = expect.objectContaining({ code: 'invalid-input', field })
    expect(() => engine.start(options as never)).toThrow(refusal)
  })

  it('refuses another number of partitions than the subscription was created with', async () => {
    await engine.start({ name, handle, partitions: 2 }).caughtUp({ position: 0 })
    await vi.waitFor(async () => expect((await engine.storage.checkpoints(name)).length).toBe(2))
    const cause = expect.objectContaining({ code: 'subscription-mismatch', subscription: name })
    await expect(engine.startFailing({ name, handle }).done).rejects.toMatchObject({ cause })
    await expect(runOnce(engine.environment, { name, handle })).rejects.toMatchObject({ cause })
  })
})

describe('states', () => {
  it('are passed to onStateChange as they change', async () => {
    await engine.append(5)
    const states: SubscriptionState[] = []
    let left = 1
    const subscription = engine.start({
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

  it('fail the subscription if onStateChange throws', async () => {
    const onStateChange = (state: SubscriptionState) => {
      if (state === 'live') throw new Error('a bad listener')
    }
    const { done } = engine.startFailing({ name, handle() {}, onStateChange })
    await expect(done).rejects.toMatchObject({ cause: { message: 'a bad listener' } })
  })

  // Fault: nobody awaited the promise of onStateChange, so its rejection ended the process. And a throw at the very
  // end was lost.
  it.each(['leasing', 'live', 'stopping', 'stopped'])(
    'fail the subscription if onStateChange throws or rejects at %s',
    async (at) => {
      const late = async (state: SubscriptionState) => {
        await new Promise(setImmediate)
        if (state === at) throw new Error('a late listener')
      }
      const early = (state: SubscriptionState) => {
        if (state === at) throw new Error('a late listener')
      }
      for (const onStateChange of [late, early]) {
        const subscription = engine.startFailing({
          name: `${name}-${onStateChange.name}`,
          handle() {},
          onStateChange,
        })
        if (at.startsWith('stop')) {
          await subscription.caughtUp({ position: 0 })
          await subscription.stop()
        }
        await expect(subscription.done).rejects.toMatchObject({ cause: { message: 'a late listener' } })
        expect((await subscription.status()).state).toBe('failed')
      }
    },
  )

  it('do not keep a subscription from stopping if onStateChange never ends', async () => {
    const onStateChange = () => new Promise<void>(() => {})
    const subscription = engine.start({ name, handle() {}, onStateChange })
    await subscription.caughtUp({ position: 0 })
    await subscription.stop({ timeout: 20 })
    await subscription.done
  })
})

describe('reading', () => {
  it('requests at most one page ahead of the page that is handled', async () => {
    await engine.append(10)
    const requested: number[] = []
    engine.use({
      storage: {
        ...engine.storage,
        readLogPage: (query, signal) => {
          requested.push(query.after)
          return engine.storage.readLogPage({ ...query, limit: 3 }, signal)
        },
      },
    })
    const furthestRequest: number[] = []
    const subscription = engine.start({
      name,
      handle: async () => {
        await new Promise(setImmediate)
        furthestRequest.push(Math.max(...requested))
      },
    })
    await subscription.caughtUp()
    expect(furthestRequest).toEqual([3, 3, 3, 6, 6, 6, 9, 9, 9, 9])
  })

  it('starts at once after an append of this process', async () => {
    const seen: number[] = []
    const subscription = engine.start({
      name,
      pollInterval: 60_000,
      handle: ({ position }) => void seen.push(position),
    })
    await subscription.caughtUp({ position: 0 })
    // By now the pauses between two reads are much longer than the first one.
    await systemClock.sleep(100)
    await engine.append(1)
    await subscription.caughtUp({ timeout: 5_000 })
    expect(seen).toEqual([1])
  })

  it('begins where `from` says, and later resumes at the checkpoint', async () => {
    await engine.append(3)
    const seen: number[] = []
    const handle = ({ position }: RecordedEvent) => void seen.push(position)
    await runOnce(engine.environment, { name, handle, from: { after: 2 } })
    await engine.append(2, 4)
    await runOnce(engine.environment, { name, handle, from: 'beginning' })
    expect(seen).toEqual([3, 4, 5])
  })

  it('begins after the last settled event, so that an event that commits late is not skipped', async () => {
    await engine.append(3)
    const settled = { ...engine.storage }
    // The last two events are not settled yet.
    settled.readLogPage = (query, signal) =>
      engine.storage.readLogPage({ ...query, until: Math.min(query.until, 1) }, signal)
    const seen: number[] = []
    const handle = ({ position }: RecordedEvent) => void seen.push(position)
    for (const from of ['end', new Date(Date.now() + 1_000)] as const) {
      const own = `${name} from ${typeof from}`
      const environment = engine.environmentOf({ ...engine.environment, storage: settled })
      await runOnce(environment, { name: own, handle, from }, { timeout: 50 })
      await runOnce(engine.environment, { name: own, handle })
    }
    expect(seen).toEqual([2, 3, 2, 3])
  })
})

describe('a projection', () => {
  it('in another version than the built one fails the subscription at once', async () => {
    const { projection } = await import('../../src/projection/projection.ts')
    const counts = (version: number) =>
      projection({
        name,
        version,
        key: () => 'all',
        initialState: () => 0,
        evolve: (count: number) => count + 1,
      })
    await engine.append(2)
    expect(await runOnce(engine.environment, { projection: counts(1) })).toMatchObject({
      handled: 2,
      caughtUp: true,
    })
    const { done } = engine.startFailing({ projection: counts(2) })
    await expect(done).rejects.toMatchObject({ cause: { code: 'projection-version', registered: 1 } })
  })
})

it('commits the writes of a transactional handler exactly once', async () => {
  await engine.append(20)
  let failures = 5
  const subscription = engine.start({
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
  expect((await engine.storage.readDocument('sums', 'all'))?.state).toBe(String(sum))
})
