/**
 * Cases of many subscriptions and followers in one process: they share the reads of the log, and each must still get
 * exactly its events.
 */
import assert from 'node:assert/strict'
import type { RecordedEvent } from '../event.ts'
import type { EventFilter } from '../input/event-filter.ts'
import { isInPartition } from '../storage/partition.ts'
import type { EventStore } from '../store.ts'
import type { Subscription } from '../subscription/subscription.ts'
import type { ConformanceCase } from './case.ts'
import { counted, eventOfType, logOf, numbersOf, range } from './events.ts'
import { allAtOnce, latch } from './expect.ts'

const group = 'many readers'

const filters: readonly EventFilter[] = [
  {},
  { types: ['A'] },
  { types: ['A', 'B'] },
  { types: ['Never'] },
  { streamPrefix: 'order-' },
  { tags: ['x'] },
  { types: ['B'], streamPrefix: 'order-', tags: ['x'] },
]

function matches({ types, streamPrefix, tags }: EventFilter, event: RecordedEvent): boolean {
  return (
    (types === undefined || types.includes(event.type)) &&
    (streamPrefix === undefined || event.streamId.startsWith(streamPrefix)) &&
    (tags === undefined || tags.every((tag) => event.tags.includes(tag)))
  )
}

interface Collector {
  readonly subscription: Subscription
  readonly handled: RecordedEvent[]
}

function collectorOf(store: EventStore, name: string, filter: EventFilter, partitions = 1): Collector {
  const handled: RecordedEvent[] = []
  const handle = (event: RecordedEvent) => void handled.push(event)
  return { handled, subscription: store.subscribe({ name, ...filter, partitions, handle }) }
}

/** Appends 60 events of several types, with and without tags, to six streams. */
async function appendMixed(store: EventStore): Promise<void> {
  await allAtOnce(6, async (writer) => {
    for (const number of range(1, 5)) {
      const [first, second] = number % 2 === 0 ? ['A', 'B'] : ['B', 'C']
      await store.append(`${writer % 2 === 0 ? 'order' : 'cart'}-${writer}`, [
        eventOfType(first as string, number),
        { ...eventOfType(second as string, number), tags: number % 3 === 0 ? ['x', 'y'] : ['x'] },
      ])
    }
  })
}

/** Checks that a subscription without partitions has handled exactly the events of its filter, in their order. */
async function checkHandled(store: EventStore, handled: readonly RecordedEvent[], filter: EventFilter) {
  const wanted = (await logOf(store)).filter((event) => matches(filter, event))
  assert.deepEqual(handled, wanted)
}

export const manyReaderCases: readonly ConformanceCase[] = [
  {
    group,
    name: 'deliver to each subscription and follower exactly the events of its filter, in order, also if it joins late',
    async run({ open }) {
      const store = await open()
      await appendMixed(store)
      const early = filters.map((filter, nth) => collectorOf(store, `early-${nth}`, filter))
      const followers = filters.map((filter) => {
        const controller = new AbortController()
        const shown: RecordedEvent[] = []
        const ended = (async () => {
          for await (const event of store.readAll({ ...filter, follow: true, signal: controller.signal })) {
            shown.push(event)
          }
        })().catch(() => {})
        return { controller, shown, ended, filter }
      })
      await appendMixed(store)
      await Promise.all(early.map(({ subscription }) => subscription.caughtUp()))
      const late = filters.map((filter, nth) => collectorOf(store, `late-${nth}`, filter))
      await appendMixed(store)
      const { position } = await store.append('order-last', [{ ...eventOfType('B'), tags: ['x'] }])
      for (const collectors of [early, late]) {
        for (const [nth, { subscription, handled }] of collectors.entries()) {
          await subscription.caughtUp({ position })
          await checkHandled(store, handled, filters[nth] as EventFilter)
          await subscription.stop()
        }
      }
      for (const { controller, shown, ended, filter } of followers) {
        const wanted = (await logOf(store)).filter((event) => matches(filter, event))
        while (shown.length < wanted.length) await new Promise((resolve) => setTimeout(resolve, 2))
        controller.abort()
        await ended
        assert.deepEqual(shown, wanted)
      }
    },
  },
  {
    group,
    name: 'deliver to each partition exactly its events, in order, also from different checkpoints',
    async run({ open }) {
      const store = await open()
      await allAtOnce(12, (stream) => store.append(`s-${stream}`, counted(10)))
      for (const partitions of [3, 5]) {
        const name = `of-${partitions}`
        const first: RecordedEvent[] = []
        // One partition does not get further than its first event, so that the checkpoints differ.
        const uneven = store.subscribe({
          name,
          partitions,
          async handle(event, { signal }) {
            if (isInPartition(event.streamId, { index: 1, count: partitions })) {
              await new Promise((_, reject) => {
                signal.addEventListener('abort', () => reject(signal.reason))
              })
            }
            first.push(event)
          },
        })
        const others = (await logOf(store)).filter(
          ({ streamId }) => !isInPartition(streamId, { index: 1, count: partitions }),
        )
        while (first.length < others.length) await new Promise((resolve) => setTimeout(resolve, 2))
        await uneven.stop()
        const { subscription, handled } = collectorOf(store, name, {}, partitions)
        await store.append('s-1', counted(5, 11))
        await subscription.caughtUp()
        await subscription.stop()
        const all = await logOf(store)
        for (const index of range(0, partitions - 1)) {
          const isOwn = ({ streamId }: RecordedEvent) => isInPartition(streamId, { index, count: partitions })
          const own = [...first, ...handled].filter(isOwn)
          assert.deepEqual(own, all.filter(isOwn))
        }
      }
    },
  },
  {
    group,
    name: 'do not wait for a slow one, which gets all of its events later',
    async run({ open }) {
      const store = await open()
      await store.append('a', counted(5))
      const [started, held] = [latch(), latch()]
      const seen: number[] = []
      const slow = store.subscribe({
        name: 'slow',
        async handle(event) {
          started.release()
          await held.released
          seen.push(...numbersOf([event]))
        },
      })
      const slowReader = store.readAll({ follow: true })[Symbol.asyncIterator]()
      await slowReader.next()
      const quick = [collectorOf(store, 'quick', {}), collectorOf(store, 'other', { types: ['Counted'] })]
      await started.released
      for (const number of range(6, 40)) await store.append('a', counted(1, number))
      for (const { subscription, handled } of quick) {
        await subscription.caughtUp()
        assert.deepEqual(numbersOf(handled), range(1, 40))
      }
      assert.deepEqual(seen, [])
      held.release()
      await slow.caughtUp()
      assert.deepEqual(seen, range(1, 40))
      for (const number of range(2, 40)) {
        assert.deepEqual(numbersOf([(await slowReader.next()).value]), [number])
      }
      await slowReader.return?.()
      for (const { subscription } of quick) await subscription.stop()
      await slow.stop()
    },
  },
  {
    group,
    name: 'get an event as it was recorded, also if another one has changed its own copy',
    async run({ open }) {
      const store = await open()
      const change = (event: RecordedEvent) => {
        const data = event.data as { list: number[] }
        data.list.push(2)
        Object.assign(event.metadata, { changed: true })
        ;(event.tags as string[]).push('changed')
        event.recordedAt.setTime(0)
      }
      const started = [range(1, 3), range(4, 6)].flat().map((nth) => {
        const handled: unknown[] = []
        const subscription = store.subscribe({
          name: `s-${nth}`,
          partitions: nth > 3 ? 2 : 1,
          handle(event) {
            handled.push(structuredClone(event))
            change(event)
          },
        })
        return { subscription, handled }
      })
      for (const { subscription } of started) await subscription.caughtUp()
      for (const _ of range(1, 5)) await store.append('a', [{ type: 'T', data: { list: [1] }, tags: ['t'] }])
      const log = await logOf(store)
      for (const { subscription, handled } of started) {
        await subscription.caughtUp()
        assert.deepEqual(handled, log)
        await subscription.stop()
      }
    },
  },
  {
    group,
    name: 'keep waiting when one of them stops or breaks off',
    async run({ open }) {
      const store = await open()
      const stays = collectorOf(store, 'stays', {})
      await stays.subscription.caughtUp()
      for (const number of range(1, 10)) {
        const goes = collectorOf(store, `goes-${number}`, { types: [`Type-${number}`] })
        const controller = new AbortController()
        const reader = store.readAll({ follow: true, after: 0, signal: controller.signal })
        const reading = (async () => {
          for await (const _ of reader);
        })().catch(() => {})
        await goes.subscription.caughtUp({ position: 0 })
        await store.append('a', counted(1, number))
        await goes.subscription.stop()
        controller.abort()
        await reading
      }
      await stays.subscription.caughtUp()
      assert.deepEqual(numbersOf(stays.handled), range(1, 10))
      await stays.subscription.stop()
    },
  },
]
