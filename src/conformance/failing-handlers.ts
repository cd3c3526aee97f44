/**
 * Cases of handlers that fail: the store retries them, parks their event, blocks the stream, or ends the subscription.
 */
import assert from 'node:assert/strict'
import type { RecordedEvent } from '../event.ts'
import type { EventStore } from '../store.ts'
import type { ListParkedOptions, SubscribeOptions } from '../subscription/subscription.ts'
import type { ConformanceCase } from './case.ts'
import { type Counted, collect, counted, numbersOf, range } from './events.ts'
import { failure, refused } from './expect.ts'

const group = 'failing handlers'

const numberOf = (event: RecordedEvent) => (event as RecordedEvent<Counted>).data.number

/**
 * A handler that fails on an event of a number as often as `failures` says, and collects the events that it has
 * handled.
 */
function faultyHandler(failures: ReadonlyMap<number, number>) {
  const left = new Map(failures)
  const handled: RecordedEvent[] = []
  const attempts: number[] = []
  return {
    handled,
    attempts,
    repair: () => left.clear(),
    handle(event: RecordedEvent, { attempt }: { readonly attempt: number }) {
      const rest = left.get(numberOf(event)) ?? 0
      if (rest > 0) {
        left.set(numberOf(event), rest - 1)
        attempts.push(attempt)
        throw new RangeError(`cannot handle ${numberOf(event)}`)
      }
      handled.push(event)
    },
  }
}

const always = Number.POSITIVE_INFINITY

const parkedNumbers = async (store: EventStore, name: string) =>
  (await collect(store.parked(name).list())).map(
    ({ streamId, state, failures }) => `${streamId} ${state} ${failures}`,
  )

export const failingHandlerCases: readonly ConformanceCase[] = [
  {
    group,
    name: 'retries a handler that fails, and lets later events wait',
    async run({ open }) {
      const store = await open()
      await store.append('a', counted(10))
      const { handle, handled, attempts } = faultyHandler(new Map([[4, 3]]))
      await store.runOnce({ name: 's', handle, onError: { backoff: 1 } })
      assert.deepEqual(numbersOf(handled), range(1, 10))
      assert.deepEqual(attempts, [1, 2, 3])
    },
  },
  {
    group,
    name: 'ends the subscription with the error of the handler, and begins with its event the next time',
    async run({ open }) {
      const store = await open()
      const { positions } = await store.append('a', counted(5))
      const { handle, handled, repair } = faultyHandler(new Map([[3, always]]))
      const states: string[] = []
      const options = {
        name: 's',
        handle,
        onError: { retries: 2, backoff: 1 },
        onStateChange: (state: string) => void states.push(state),
      }
      const subscription = store.subscribe(options)
      const error = await refused(subscription.done, 'subscription-failed', {
        subscription: 's',
        position: positions[2] as number,
      })
      assert.match(error.message, /cannot handle 3/)
      assert.ok(error.cause instanceof RangeError)
      assert.equal(await failure(subscription.caughtUp()), error)
      const { state, lastError } = await subscription.status()
      assert.deepEqual({ state, lastError }, { state: 'failed', lastError: error })
      assert.ok(states.includes('retrying') && states.at(-1) === 'failed')
      assert.deepEqual(numbersOf(handled), [1, 2])
      await refused(store.runOnce(options), 'subscription-failed')
      repair()
      await store.runOnce(options)
      assert.deepEqual(numbersOf(handled), range(1, 5))
    },
  },
  {
    group,
    // A store that looks at the thrown value, to classify it or to describe it, must not trip over it.
    name: 'parks the event of a handler that throws a value without a text',
    async run({ open }) {
      const store = await open()
      await store.append('a', counted(2))
      for (const transactional of [true, false]) {
        const handled: number[] = []
        const name = `s-${transactional}`
        const { parked } = await store.runOnce({
          name,
          transactional,
          onError: { retries: 1, backoff: 1, action: 'park' },
          handle(event) {
            if (numberOf(event) === 1) throw Object.create(null)
            handled.push(numberOf(event))
          },
        })
        assert.equal(parked, 1)
        assert.deepEqual(handled, [2])
        const [record] = await collect(store.parked(name).list())
        assert.equal(record?.error, 'a value that cannot be shown as text')
      }
    },
  },
  {
    group,
    name: 'parks the event of a handler that fails, and lets callers show, retry and skip it',
    async run({ open }) {
      const store = await open()
      const { positions } = await store.append('a', counted(6))
      const { handle, handled, repair } = faultyHandler(
        new Map([
          [2, always],
          [5, always],
        ]),
      )
      const options: SubscribeOptions = {
        name: 's',
        handle,
        onError: { retries: 1, backoff: 1, action: 'park' },
      }
      const { parked } = await store.runOnce(options)
      assert.equal(parked, 2)
      assert.deepEqual(numbersOf(handled), [1, 3, 4, 6])
      const [two, five] = [positions[1] as number, positions[4] as number]
      const [first, second] = await collect(store.parked('s').list())
      assert.deepEqual([first?.position, second?.position], [two, five])
      const positionsOf = async (options: ListParkedOptions) =>
        (await collect(store.parked('s').list(options))).map(({ position }) => position)
      assert.deepEqual(await positionsOf({ limit: 1 }), [two])
      assert.deepEqual(await positionsOf({ after: two }), [five])
      assert.deepEqual(await positionsOf({ after: five, limit: 1 }), [])
      assert.deepEqual(
        { ...first, eventId: '', stack: '', parkedAt: 0 },
        {
          position: two,
          streamId: 'a',
          eventId: '',
          type: 'Counted',
          state: 'parked',
          failures: 2,
          error: 'RangeError: cannot handle 2',
          stack: '',
          parkedAt: 0,
        },
      )
      assert.match(first?.stack ?? '', /cannot handle 2/)
      assert.equal(numberOf((await store.parked('s').show(two))?.events[0] as RecordedEvent), 2)
      assert.equal(await store.parked('s').show(positions[0] as number), undefined)
      assert.equal((await store.subscriptionStatus('s'))?.parked, 2)

      await store.parked('s').retry(two)
      await store.runOnce(options)
      assert.deepEqual(await parkedNumbers(store, 's'), ['a parked 4', 'a parked 2'])
      repair()
      await store.parked('s').retry(two)
      assert.equal((await store.parked('s').show(two))?.state, 'retrying')
      await store.runOnce(options)
      assert.deepEqual(numbersOf(handled), [1, 3, 4, 6, 2])
      await store.parked('s').skip(five)
      assert.deepEqual(await parkedNumbers(store, 's'), [])
      await refused(store.parked('s').skip(five), 'not-parked', { position: five })
      await refused(store.parked('s').retry(99_999), 'not-parked', { subscription: 's' })
      await refused(store.parked('s').retry(0), 'invalid-input', { field: 'position' })
    },
  },
  {
    group,
    name: 'blocks the stream of a failed event if asked, and delivers its later events in order after a retry',
    async run({ open }) {
      const store = await open()
      for (const number of range(1, 6)) await store.append(number % 2 ? 'odd' : 'even', counted(1, number))
      const { handle, handled, repair } = faultyHandler(new Map([[3, always]]))
      const options: SubscribeOptions = {
        name: 's',
        handle,
        onError: { retries: 0, action: 'block-stream' },
      }
      await store.runOnce(options)
      assert.deepEqual(numbersOf(handled), [1, 2, 4, 6])
      await store.append('odd', counted(1, 7))
      await store.append('even', counted(1, 8))
      await store.runOnce(options)
      assert.deepEqual(numbersOf(handled), [1, 2, 4, 6, 8])
      assert.deepEqual(await parkedNumbers(store, 's'), ['odd parked 1', 'odd blocked 0', 'odd blocked 0'])
      const [first] = await collect(store.parked('s').list())
      await store.parked('s').retry(first?.position ?? 0)
      await store.runOnce(options)
      assert.deepEqual(await parkedNumbers(store, 's'), ['odd parked 2', 'odd blocked 0', 'odd blocked 0'])
      repair()
      await store.parked('s').retry(first?.position ?? 0)
      await store.append('odd', counted(1, 9))
      await store.runOnce(options)
      assert.deepEqual(numbersOf(handled.filter(({ streamId }) => streamId === 'odd')), [1, 3, 5, 7, 9])
      assert.deepEqual(await parkedNumbers(store, 's'), [])
    },
  },
  {
    group,
    name: 'unblocks a stream when the event at fault is skipped, while the subscription runs',
    async run({ open }) {
      const store = await open()
      await store.append('a', counted(3))
      const { handle, handled } = faultyHandler(new Map([[1, always]]))
      const subscription = store.subscribe({
        name: 's',
        handle,
        onError: { retries: 0, action: 'block-stream' },
      })
      await subscription.caughtUp()
      assert.deepEqual(numbersOf(handled), [])
      const [first] = await collect(store.parked('s').list())
      await store.parked('s').skip(first?.position ?? 0)
      await store.append('a', counted(1, 4))
      while (handled.length < 3 || (await parkedNumbers(store, 's')).length > 0) {
        await new Promise((resolve) => setTimeout(resolve, 10))
      }
      assert.deepEqual(numbersOf(handled), [2, 3, 4])
      await subscription.stop()
    },
  },
  {
    group,
    name: 'finds the event at fault in a batch, and handles the others',
    async run({ open }) {
      const store = await open()
      await store.append('a', counted(20))
      for (const transactional of [false, true]) {
        const name = `batches-${transactional}`
        const numbers: number[] = []
        await store.runOnce({
          name,
          transactional,
          batchSize: 8,
          onError: { retries: 1, backoff: 1, action: 'park' },
          handleBatch(events) {
            if (events.some((event) => numberOf(event) % 9 === 0)) throw new Error('nine')
            numbers.push(...events.map(numberOf))
          },
        })
        assert.deepEqual(
          numbers,
          range(1, 20).filter((number) => number % 9 > 0),
        )
        assert.deepEqual(await parkedNumbers(store, name), ['a parked 2', 'a parked 2'])
      }
    },
  },
  {
    group,
    name: 'handles all other events when one in a thousand fails',
    async run({ open }) {
      const store = await open()
      for (const from of [1, 1_001, 2_001]) await store.append('a', counted(1_000, from))
      let handled = 0
      const { parked } = await store.runOnce({
        name: 's',
        onError: { retries: 1, backoff: 1, action: 'park' },
        handle(event) {
          if (numberOf(event) % 1_000 === 500) throw new Error('poison')
          handled++
        },
      })
      assert.deepEqual({ handled, parked }, { handled: 2_997, parked: 3 })
    },
  },
  {
    group,
    name: 'delays at most the stream of a failed event, and keeps its order when that is retried',
    async run({ open }) {
      const store = await open()
      // Long enough for the slowest machine.
      const timeout = 50_000
      const streams = range(1, 10).map((number) => `s-${number}`)
      for (const from of [1, 51]) {
        for (const streamId of streams) await store.append(streamId, counted(50, from))
      }
      const isPoison = ({ streamId, version }: RecordedEvent) =>
        ['s-3 40', 's-9 77', 's-10 100'].includes(`${streamId} ${version}`)
      for (const action of ['park', 'block-stream'] as const) {
        let isHealed = false
        const tries = new Map<string, number>()
        const handled = new Map<string, number[]>(streams.map((streamId) => [streamId, []]))
        const options = {
          name: action,
          onError: { retries: 2, backoff: 1, action },
          handle(event: RecordedEvent) {
            if (isPoison(event) && !isHealed) {
              tries.set(event.streamId, (tries.get(event.streamId) ?? 0) + 1)
              throw new Error(`poison in ${event.streamId}`)
            }
            handled.get(event.streamId)?.push(event.version)
          },
        }
        await store.runOnce(options, { timeout })
        assert.deepEqual([...tries.values()], [3, 3, 3])
        const parked = await collect(store.parked(action).list())
        const poisoned = parked.filter(({ state }) => state === 'parked')
        assert.deepEqual(
          poisoned.map(({ error }) => error),
          ['s-3', 's-9', 's-10'].map((streamId) => `Error: poison in ${streamId}`),
        )
        const blocked = action === 'park' ? 0 : 60 + 23 + 0
        assert.equal(parked.length - poisoned.length, blocked)
        const count = [...handled.values()].reduce((sum, versions) => sum + versions.length, 0)
        assert.equal(count, 1_000 - 3 - blocked)
        isHealed = true
        for (const { position } of poisoned) await store.parked(action).retry(position)
        await store.runOnce(options, { timeout })
        assert.deepEqual(await collect(store.parked(action).list()), [])
        for (const [streamId, versions] of handled) {
          const inOrder = versions.toSorted((a, b) => a - b)
          assert.deepEqual(inOrder, range(1, 100), streamId)
          if (action === 'block-stream') assert.deepEqual(versions, inOrder, streamId)
        }
      }
    },
  },
  {
    group,
    name: 'counts a handler that takes too long as failed, and aborts its signal',
    async run({ open }) {
      const store = await open()
      await store.append('a', counted(2))
      const aborted: boolean[] = []
      const { parked } = await store.runOnce({
        name: 's',
        handlerTimeout: 20,
        onError: { retries: 1, backoff: 1, action: 'park' },
        async handle(event, { signal }) {
          if (numberOf(event) > 1) return
          await new Promise((resolve) => signal.addEventListener('abort', resolve))
          aborted.push(signal.aborted)
          await new Promise(() => {})
        },
      })
      assert.deepEqual({ parked, aborted }, { parked: 1, aborted: [true, true] })
      assert.match((await collect(store.parked('s').list()))[0]?.error ?? '', /HandlerTimeoutError/)
    },
  },
  {
    group,
    name: 'rolls back the transaction of a handler that fails, and commits all others exactly once',
    async run({ open }) {
      const store = await open()
      await store.append('a', counted(30))
      const left = new Map([
        [7, 2],
        [19, 1],
      ])
      const options: SubscribeOptions = {
        name: 's',
        transactional: true,
        onError: { retries: 5, backoff: 1 },
        async handle(event, { tx }) {
          const sums = tx.documents<{ sum: number }>('sums')
          const { sum } = (await sums.get('all')) ?? { sum: 0 }
          await sums.put('all', { sum: sum + numberOf(event) })
          const rest = left.get(numberOf(event)) ?? 0
          left.set(numberOf(event), rest - 1)
          if (rest > 0) throw new Error('after the write')
        },
      }
      await store.runOnce(options)
      assert.deepEqual((await store.view('sums').get('all'))?.state, { sum: 465 })
      await store.runOnce(options)
      assert.deepEqual((await store.view('sums').get('all'))?.state, { sum: 465 })
    },
  },
  {
    group,
    name: 'refuses the transaction to a handler of a subscription that is not transactional',
    async run({ open }) {
      const store = await open()
      await store.append('a', counted(1))
      const error = await refused(
        store.runOnce({
          name: 's',
          onError: { retries: 0 },
          handle: (_event, { tx }) => void tx.documents('x'),
        }),
        'subscription-failed',
      )
      assert.match(error.message, /transactional: true/)
    },
  },
]
