/** Cases of `readAll`: all events of the log, or a part of them, in order of position. */
import assert from 'node:assert/strict'
import type { RecordedEvent } from '../event.ts'
import type { ReadAllOptions } from '../reads.ts'
import type { EventStore } from '../store.ts'
import type { ConformanceCase } from './case.ts'
import { counted, eventOfType, logOf, numbersOf, range } from './events.ts'
import { allAtOnce, failure, refused } from './expect.ts'

const group = 'readAll'

/** The events that `readAll` must show: an independent implementation of the contract. */
function partOf(all: readonly RecordedEvent[], options: ReadAllOptions): readonly RecordedEvent[] {
  const { after = 0, until = Number.MAX_SAFE_INTEGER, types, streamPrefix = '', direction, limit } = options
  const within = all.filter(
    ({ position, type, streamId }) =>
      position > after &&
      position <= until &&
      (types === undefined || types.includes(type)) &&
      streamId.startsWith(streamPrefix),
  )
  return (direction === 'backward' ? within.toReversed() : within).slice(0, limit)
}

async function assertPart(store: EventStore, all: readonly RecordedEvent[], options: ReadAllOptions) {
  assert.deepEqual(await logOf(store, options), partOf(all, options), JSON.stringify(options))
}

/** Appends seven events of several streams and types, and returns the log. */
async function arrangeLog(store: EventStore): Promise<readonly RecordedEvent[]> {
  for (const [streamId, type] of [
    ['cart-1', 'A'],
    ['order-1', 'B'],
    ['cart-2', 'A'],
    ['cart-1', 'C'],
    ['order-1', 'A'],
    ['car', 'B'],
    ['cart-2', 'C'],
  ] as const) {
    await store.append(streamId, [eventOfType(type, { streamId })])
  }
  return logOf(store)
}

export const readLogCases: readonly ConformanceCase[] = [
  {
    group,
    name: 'shows nothing of an empty store or of created streams',
    async run({ open }) {
      const store = await open()
      assert.deepEqual(await logOf(store), [])
      assert.deepEqual(await logOf(store, { direction: 'backward', after: 5 }), [])
      await store.createStream('a')
      assert.deepEqual(await logOf(store), [])
    },
  },
  {
    group,
    name: 'shows nothing after its last event, and refuses to read after a position that it has not reached',
    async run({ open }) {
      const store = await open()
      const { position: last } = await store.append('a', counted(3))
      assert.deepEqual(await logOf(store, { after: last }), [])
      const following = logOf(store, { after: last, follow: true, limit: 1 })
      // A reader would never see the events that get the positions up to `after` later.
      const after = last + 1_000_000
      for (const follow of [false, true])
        await refused(logOf(store, { after, follow }), 'log-truncated', { after })
      assert.deepEqual(await logOf(store, { after, direction: 'backward' }), [])
      await store.append('a', counted(1, 4))
      assert.deepEqual(numbersOf(await following), [4])
    },
  },
  {
    group,
    name: 'shows the events as their streams do, in the order of the appends',
    async run({ open }) {
      const store = await open()
      for (const number of range(1, 20)) await store.append(`s-${number % 3}`, counted(2, 2 * number))
      const log = await logOf(store)
      assert.deepEqual(numbersOf(log), range(2, 41))
      for (const streamId of ['s-0', 's-1', 's-2']) {
        const own = log.filter((event) => event.streamId === streamId)
        assert.deepEqual((await store.readStream(streamId)).events, own)
      }
    },
  },
  {
    group,
    name: 'shows exactly the part asked for, at every edge, in both directions',
    async run({ open }) {
      const store = await open()
      const all = await arrangeLog(store)
      const p = (index: number) => all[index]?.position ?? 0
      // A forward read after a position that the log has not reached is refused, so it is left out here.
      const options: ReadAllOptions[] = []
      for (const after of [undefined, 0, p(0), p(3), p(6), p(6) + 1, Number.MAX_SAFE_INTEGER])
        for (const until of [undefined, 0, p(0), p(3), p(6), Number.MAX_SAFE_INTEGER])
          for (const types of [undefined, ['A'], ['C', 'B'], ['None']])
            for (const streamPrefix of [undefined, 'cart', 'order-1', 'x'])
              for (const direction of ['forward', 'backward'] as const)
                for (const limit of [undefined, 1, 3])
                  if (direction === 'backward' || (after ?? 0) <= p(6))
                    options.push({ after, until, types, streamPrefix, direction, limit })
      // A third of all combinations, chosen so that each value occurs.
      const chosen = options.filter((_, index) => (index + Math.floor(index / 3)) % 3 === 0)
      for (const portion of range(0, Math.ceil(chosen.length / 40))) {
        const few = chosen.slice(40 * portion, 40 * portion + 40)
        await allAtOnce(few.length, (index) => assertPart(store, all, few[index] ?? {}))
      }
    },
  },
  {
    group,
    name: 'continues after each position to which it has read before, also between two events of one append',
    async run({ open }) {
      const store = await open()
      await store.append('a', counted(4))
      const all = await logOf(store)
      for (const { position } of all) {
        await assertPart(store, all, { until: position })
        await assertPart(store, all, { after: position })
      }
    },
  },
  {
    group,
    name: 'shows 2,600 events in pages, forward and backward, with filters and limits at the edges of pages',
    async run({ open }) {
      const store = await open()
      for (const call of range(0, 12)) {
        const events = range(1, 200).map((number) =>
          eventOfType(number % 130 === 0 ? 'Rare' : 'Often', { call, number }),
        )
        await store.append(`s-${call % 2}`, events)
      }
      const all = await logOf(store)
      assert.equal(all.length, 2600)
      assert.ok(all.every((event, index) => index === 0 || event.position > (all[index - 1]?.position ?? 0)))
      const at = (index: number) => all[index]?.position ?? 0
      for (const options of [
        {},
        { types: ['Rare'] },
        { types: ['Rare'], limit: 5 },
        { types: ['Rare', 'Never'], streamPrefix: 's-1' },
        { types: ['Never'] },
        { limit: 999 },
        { limit: 1000 },
        { limit: 1001 },
        { limit: 2000 },
        { limit: 2600 },
        { after: at(999), limit: 1000 },
        { after: at(998), until: at(1999) },
        { until: at(1000) },
        { streamPrefix: 's-0', after: at(150), until: at(2450) },
      ]) {
        for (const direction of ['forward', 'backward'] as const) {
          await assertPart(store, all, { ...options, direction })
        }
      }
    },
  },
  {
    group,
    name: 'takes a stream prefix literally',
    async run({ open }) {
      const store = await open()
      const names = [
        'a%b',
        'a%c',
        'axb',
        'a_b',
        'a\\b',
        'a\\%b',
        '%',
        '%%',
        '_',
        '\\',
        "a'b",
        'A%b',
        'é',
        'e\u0301',
      ]
      for (const name of names) await store.append(name, [eventOfType('Named', { name })])
      const all = await logOf(store)
      const prefixes = [
        'a%',
        'a_',
        'a\\',
        'a\\%',
        '%',
        '_',
        '\\',
        'a',
        'A',
        "a'",
        'é',
        'e',
        'a%b',
        'a%bc',
        '%_',
      ]
      for (const streamPrefix of prefixes) {
        for (const direction of ['forward', 'backward'] as const) {
          await assertPart(store, all, { streamPrefix, direction })
        }
      }
    },
  },
  {
    group,
    name: 'ends while writers keep writing, with all events that were there when the read began',
    async run({ open }) {
      const store = await open()
      for (const call of range(0, 11)) await store.append('a', counted(100, 100 * call))
      let stop = false
      const writing = allAtOnce(4, async (writer) => {
        while (!stop) {
          await store.append(`w-${writer}`, counted(20))
          await new Promise(setImmediate)
        }
      })
      try {
        for (const _ of range(1, 3)) {
          const log = await logOf(store)
          assert.deepEqual(numbersOf(log.filter(({ streamId }) => streamId === 'a')), range(0, 1199))
          const versions = new Map<string, number>()
          for (const { streamId, version } of log) {
            assert.equal(version, (versions.get(streamId) ?? 0) + 1)
            versions.set(streamId, version)
          }
        }
      } finally {
        stop = true
        await writing
      }
    },
  },
  {
    group,
    name: 'shows the log to several readers at once, to each from the beginning',
    async run({ open }) {
      const store = await open()
      await store.append('a', counted(1500))
      const reading = store.readAll({ after: 0 })
      const [one, two] = await Promise.all([logOf(store), logOf(store)])
      assert.deepEqual(one, two)
      for await (const event of reading) {
        assert.deepEqual(event, one[0])
        break
      }
      assert.equal((await logOf(store, { limit: 1200 })).length, 1200)
    },
  },
  {
    group,
    name: 'lets a reader stop or fail at any event, and read again',
    async run({ open }) {
      const store = await open()
      await store.append('a', counted(2500))
      const all = await logOf(store)
      const failed = new Error('failed')
      for (const at of [1, 999, 1000, 1001, 2000, 2500]) {
        for (const direction of ['forward', 'backward'] as const) {
          const seen: RecordedEvent[] = []
          const reading = async () => {
            for await (const event of store.readAll({ direction })) {
              seen.push(event)
              if (seen.length < at) continue
              if (direction === 'forward') break
              throw failed
            }
          }
          if (direction === 'forward') await reading()
          else assert.equal(await failure(reading), failed)
          assert.deepEqual(seen, partOf(all, { direction, limit: at }))
        }
      }
      assert.deepEqual(await logOf(store), all)
    },
  },
  {
    group,
    name: 'shows no event of a refused append',
    async run({ open }) {
      const store = await open()
      await store.append('a', counted(1, 1))
      await Promise.allSettled(range(1, 5).map(() => store.append('a', counted(4), { expectedVersion: 9 })))
      await store.append('a', counted(1, 2))
      assert.deepEqual(numbersOf(await logOf(store)), [1, 2])
    },
  },
]
