/** Subscriptions whose handler fails, and subscriptions whose storage is unreachable. */
import { describe, expect, it, vi } from 'vitest'
import { isOutage, ReadOnlyReplicaError, StoreUnavailableError } from '../../src/errors/index.ts'
import type { RecordedEvent } from '../../src/event.ts'
import { systemClock } from '../../src/runtime/clock.ts'
import type { Storage } from '../../src/storage/storage.ts'
import { engine, fails, name, quick, useEngine, useSteadyTime } from './engine.ts'

useEngine()

describe('a handler that fails', () => {
  it('is retried after pauses that double; then the subscription fails and names the event', async () => {
    await engine.append(3)
    const attempts: number[] = []
    const pauses: number[] = []
    const sleep = engine.environment.clock.sleep
    engine.use({
      clock: {
        now: systemClock.now,
        sleep: (milliseconds, signal) => {
          if (milliseconds < 300) pauses.push(milliseconds)
          return sleep(milliseconds, signal)
        },
      },
    })
    const seen: number[] = []
    const subscription = engine.startFailing({
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

  it('without a listener ends in an unhandled rejection, even after an earlier call of caughtUp', async () => {
    // The test runner listens too, and would fail the test.
    const others = process.listeners('unhandledRejection')
    process.removeAllListeners('unhandledRejection')
    const rejection = new Promise<unknown>((resolve) => process.once('unhandledRejection', resolve))
    try {
      const subscription = engine.start({ name, handle: fails, onError: { retries: 0 } })
      await subscription.caughtUp()
      await engine.append(1)
      expect(await rejection).toMatchObject({ code: 'subscription-failed', position: 1 })
    } finally {
      for (const listener of others) process.on('unhandledRejection', listener)
    }
  })

  it('rejects a waiting call of caughtUp, and then causes no unhandled rejection', async () => {
    await engine.append(1)
    const subscription = engine.start({ name, handle: fails, onError: { retries: 0 } })
    await expect(subscription.caughtUp()).rejects.toMatchObject({ code: 'subscription-failed', position: 1 })
  })

  it('by exceeding its timeout gets an aborted signal, and that counts as a failed attempt', async () => {
    await engine.append(1)
    const reasons: unknown[] = []
    const subscription = engine.start({
      name,
      handlerTimeout: 5,
      onError: { ...quick, retries: 1, action: 'park' },
      handle: (_, { signal }) =>
        new Promise((_, reject) => {
          signal.addEventListener('abort', () => {
            reasons.push(signal.reason)
            reject(new Error('aborted'))
          })
        }),
    })
    await subscription.caughtUp()
    const timeout = expect.objectContaining({ code: 'handler-timeout', timeout: 5 })
    expect(reasons).toEqual([timeout, timeout])
    const [parked] = await engine.storage.listParked(name, 0, 10)
    expect(parked).toMatchObject({
      failures: 2,
      error: 'HandlerTimeoutError: The handler did not finish within 5 ms',
    })
  })

  it('with a batch is called with each event alone, to find the event at fault', async () => {
    await engine.append(5)
    const calls: number[][] = []
    const subscription = engine.start({
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
    expect((await engine.storage.listParked(name, 0, 10)).map(({ position }) => position)).toEqual([3])
  })

  it('in batches is called with at most batchSize events', async () => {
    await engine.append(8)
    const calls: number[][] = []
    const handleBatch = (events: readonly RecordedEvent[]) =>
      void calls.push(events.map(({ position }) => position))
    await engine.start({ name, batchSize: 3, handleBatch }).caughtUp()
    expect(calls).toEqual([
      [1, 2, 3],
      [4, 5, 6],
      [7, 8],
    ])
  })

  it('because it reads tx without a transaction fails the subscription with an InvalidInputError', async () => {
    await engine.append(1)
    const { done } = engine.startFailing({
      name,
      onError: { retries: 0 },
      handle: (_, context) => void context.tx.documents('x'),
    })
    await expect(done).rejects.toMatchObject({ cause: { code: 'invalid-input', field: 'tx' } })
  })

  it('because another store is unreachable counts as failed, and is not retried forever', async () => {
    await engine.append(1)
    for (const transactional of [true, false]) {
      let calls = 0
      const { done } = engine.startFailing({
        name: `${name}-${transactional}`,
        transactional,
        onError: { ...quick, retries: 2 },
        handle() {
          calls++
          throw new StoreUnavailableError('Asking another store', 1, 'it is unreachable')
        },
      })
      await expect(done).rejects.toMatchObject({ position: 1, cause: { code: 'store-unavailable' } })
      expect(calls).toBe(3)
    }
  })
})

describe('a thrown value', () => {
  const unreadable = new Proxy(new Error('hidden'), {
    get() {
      throw new Error('the trap')
    },
    has() {
      throw new Error('the trap')
    },
  })
  // Fault: the text of such a value cannot be made, so describing it threw, and that ended the subscription.
  it.each([
    ['an object without a prototype', Object.create(null), /cannot be shown as text/],
    ['an object whose toString throws', { toString: fails }, /cannot be shown as text/],
    ['an error whose stack is no text', Object.assign(new Error('odd'), { stack: [1] }), /^Error: odd$/],
    ['an error whose properties throw', unreadable, /cannot be shown as text/],
    ['undefined', undefined, /^undefined$/],
  ])('may be %s: the error policy applies', async (_, thrown, text) => {
    await engine.append(2)
    for (const action of ['park', 'stop'] as const) {
      const handled: number[] = []
      const own = `${name}-${action}`
      const subscription = engine.startFailing({
        name: own,
        onError: { ...quick, retries: 1, action },
        handle({ position }) {
          if (position === 1) throw thrown
          handled.push(position)
        },
      })
      if (action === 'park') {
        await subscription.caughtUp()
        expect(handled).toEqual([2])
        const [parked] = await engine.storage.listParked(own, 0, 10)
        expect(parked).toMatchObject({ position: 1, failures: 2, error: expect.stringMatching(text) })
      } else {
        const error = await subscription.done.catch((error: unknown) => error)
        expect(error).toMatchObject({ code: 'subscription-failed', position: 1 })
        expect((error as Error).cause).toBe(thrown)
      }
    }
  })
})

describe('onError.retryIf', () => {
  it('applies the policy at once if it returns false, and receives the error, the event and the attempt', async () => {
    await engine.append(3)
    const asked: unknown[] = []
    const calls: string[] = []
    const subscription = engine.start({
      name,
      onError: {
        ...quick,
        retries: 4,
        action: 'park',
        retryIf(error, { event, attempt }) {
          asked.push([(error as Error).message, event.position, attempt])
          return attempt < 2
        },
      },
      handle({ position }, { attempt }) {
        calls.push(`${position}/${attempt}`)
        if (position === 2) fails()
      },
    })
    await subscription.caughtUp()
    expect(calls).toEqual(['1/1', '2/1', '2/2', '3/1'])
    expect(asked).toEqual([
      ['it fails', 2, 1],
      ['it fails', 2, 2],
    ])
    expect(await engine.storage.listParked(name, 0, 10)).toMatchObject([{ position: 2, failures: 2 }])
  })

  it('is not asked about a batch, but about each event at fault', async () => {
    await engine.append(4)
    const asked: number[] = []
    const subscription = engine.start({
      name,
      onError: {
        ...quick,
        action: 'block-stream',
        retryIf: (_, { event }) => asked.push(event.position) < 0,
      },
      handleBatch(events) {
        if (events.some(({ position }) => position === 3)) fails()
      },
    })
    await subscription.caughtUp()
    expect(asked).toEqual([3])
    expect(await engine.storage.listParked(name, 0, 10)).toMatchObject([
      { position: 3, state: 'parked' },
      { position: 4, state: 'blocked' },
    ])
  })

  it('fails the subscription if it throws, or returns anything but true and false', async () => {
    await engine.append(1)
    const wrong = [
      [fails, { message: 'it fails' }],
      [async () => false, { code: 'invalid-input', field: 'onError.retryIf' }],
      [() => undefined, { code: 'invalid-input', field: 'onError.retryIf' }],
    ] as const
    for (const [index, [retryIf, cause]] of wrong.entries()) {
      let calls = 0
      const { done } = engine.startFailing({
        name: `${name}-${index}`,
        onError: { ...quick, action: 'park', retryIf: retryIf as never },
        handle() {
          calls++
          throw new Error('the first fault')
        },
      })
      await expect(done).rejects.toMatchObject({ code: 'subscription-failed', position: 1, cause })
      expect(calls).toBe(1)
    }
  })
})

describe('onStateChange', () => {
  it('receives the error, the event, the attempt and the partition of each failed call and each parked event', async () => {
    await engine.append(2)
    const changes: unknown[] = []
    const subscription = engine.start({
      name,
      onError: { ...quick, retries: 1, action: 'park' },
      onStateChange: (state, { error, event, attempt, partition }) =>
        void changes.push([
          state,
          (error as Error | undefined)?.message,
          event?.position,
          attempt,
          partition,
        ]),
      handle({ position }) {
        if (position === 2) fails()
      },
    })
    await subscription.caughtUp()
    await subscription.stop()
    expect(changes).toEqual([
      ['leasing', undefined, undefined, undefined, undefined],
      ['catching-up', undefined, undefined, undefined, undefined],
      ['retrying', 'it fails', 2, 1, 0],
      ['retrying', 'it fails', 2, 2, 0],
      ['parking', 'it fails', 2, 2, 0],
      ['live', undefined, undefined, undefined, 0],
      ['stopping', undefined, undefined, undefined, undefined],
      ['stopped', undefined, undefined, undefined, undefined],
    ])
  })

  it('receives what happens in one partition while another one retries', async () => {
    // Two streams whose events are in different partitions.
    const { partitionOf } = await import('../../src/storage/partition.ts')
    const streams = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h']
    const first = streams.find((stream) => partitionOf(stream, 2) === 0) as string
    const second = streams.find((stream) => partitionOf(stream, 2) === 1) as string
    await engine.append(1, 1, first)
    await engine.append(1, 1, second)
    const changes: string[] = []
    let repaired = false
    const subscription = engine.start({
      name,
      partitions: 2,
      onError: {
        backoff: 1,
        retries: 1_000_000,
        action: 'park',
        retryIf: (_, { event }) => event.streamId === first,
      },
      onStateChange: (state, { event, partition }) =>
        void changes.push(`${state} ${event?.streamId} ${partition}`),
      handle({ streamId }) {
        if (streamId === second || !repaired) fails()
      },
    })
    await vi.waitFor(() => expect(changes).toContain(`parking ${second} 1`))
    repaired = true
    await subscription.caughtUp()
    expect(changes).toContain(`retrying ${first} 0`)
  })
})

describe('a storage that is unreachable', () => {
  /** Makes the first `times` calls of each method fail, alternately as unavailable and as a read-only replica. */
  function unreachable(times: number, ...methods: (keyof Storage)[]): void {
    const broken: Record<string, unknown> = { ...engine.storage }
    for (const method of methods) {
      let left = times
      const call = engine.storage[method] as (...parameters: unknown[]) => Promise<unknown>
      broken[method] = async (...parameters: unknown[]) => {
        if (left-- > 0)
          throw left % 2 === 0
            ? new ReadOnlyReplicaError()
            : new StoreUnavailableError(method, 1, 'no answer')
        return call(...parameters)
      }
    }
    engine.use({ storage: broken as unknown as Storage })
  }

  it.each([true, false])(
    'is retried until it answers, which does not count as an attempt (transactional: %s)',
    async (transactional) => {
      useSteadyTime()
      await engine.append(3)
      unreachable(
        2,
        'createSubscription',
        'keepLeases',
        'readLogPage',
        'transaction',
        'advance',
        'releaseLeases',
        'leave',
      )
      const seen: string[] = []
      const subscription = engine.start({
        name,
        transactional,
        leaseTime: 60,
        onError: { retries: 0 },
        handle: ({ position }, { attempt }) => void seen.push(`${position}/${attempt}`),
      })
      await subscription.caughtUp()
      expect(seen).toEqual(['1/1', '2/1', '3/1'])
      expect((await subscription.status()).lastError).toSatisfy(isOutage)
      await subscription.stop()
      expect((await subscription.status()).state).toBe('stopped')
    },
  )

  it('does not prevent a subscription from stopping', async () => {
    unreachable(Number.POSITIVE_INFINITY, 'createSubscription', 'leave')
    const subscription = engine.start({ name, handle() {} })
    await vi.waitFor(async () => expect((await subscription.status()).state).toBe('retrying'))
    await subscription.stop()
    await subscription.done
  })
})
