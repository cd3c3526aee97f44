/**
 * Cases of repeated appends: a call with the event ids of an earlier call returns the first result and writes nothing.
 */
import assert from 'node:assert/strict'
import type { ExpectedVersion } from '../expected-version.ts'
import type { AppendResult, EventStore } from '../store.ts'
import type { ConformanceCase } from './case.ts'
import { counted, everything, identified, logOf, numbersOf, range, streamOf } from './events.ts'
import { allAtOnce, refused } from './expect.ts'

const group = 'repeats'

/** Asserts that a result equals the first one, apart from `deduplicated`. */
function assertRepeats(repeated: AppendResult | undefined, first: AppendResult | undefined): void {
  assert.deepEqual(repeated, { ...first, deduplicated: true })
}

/** Asserts that exactly one of the results is the first one, and that all others repeat it. */
function assertOneFirst(results: readonly AppendResult[]): void {
  const first = results.filter(({ deduplicated }) => !deduplicated)
  assert.equal(first.length, 1)
  for (const result of results) assert.deepEqual({ ...result, deduplicated: false }, first[0])
}

export const repeatCases: readonly ConformanceCase[] = [
  {
    group,
    name: 'returns the first result, and writes nothing',
    async run({ open }) {
      const store = await open()
      await store.append('a', counted(2))
      const events = identified(3)
      const first = await store.append('a', events)
      assert.equal(first.deduplicated, false)
      const before = await everything(store)
      for (const _ of range(1, 3)) assertRepeats(await store.append('a', events), first)
      assert.deepEqual(await everything(store), before)
    },
  },
  {
    group,
    name: 'returns the first result with any expected version',
    async run({ open }) {
      const store = await open()
      const events = identified(2)
      const first = await store.append('a', events, { expectedVersion: 'noStream' })
      const expectations: ExpectedVersion[] = ['noStream', 'any', 'streamExists', 0, 1, 2, 9]
      for (const expectedVersion of expectations) {
        assertRepeats(await store.append('a', events, { expectedVersion }), first)
      }
    },
  },
  {
    group,
    name: 'returns the first result when more was appended since',
    async run({ open }) {
      const store = await open()
      await store.append('a', counted(2))
      const events = identified(2)
      const first = await store.append('a', events, { expectedVersion: 2 })
      await store.append('a', counted(5))
      await store.append('b', counted(5))
      assertRepeats(await store.append('a', events, { expectedVersion: 2 }), first)
      assert.equal((await store.readStream('a')).version, 9)
    },
  },
  {
    group,
    name: 'recognises a repeat by its event ids alone, and keeps the first payload',
    async run({ open }) {
      const store = await open()
      const [event] = identified(1)
      const first = await store.append('a', [{ ...event, type: 'First', data: 1 }])
      assertRepeats(await store.append('a', [{ ...event, type: 'Second', data: 2, tags: ['t'] }]), first)
      const [recorded] = await streamOf(store, 'a')
      assert.equal(recorded?.type, 'First')
      assert.equal(recorded.data, 1)
      assert.deepEqual(recorded.tags, [])
    },
  },
  {
    group,
    name: 'records the events of 16 concurrent callers once, and returns the same result to all',
    async run({ open }) {
      const store = await open()
      for (const [round, expectedVersion] of (['any', 0, 'noStream', 'any'] as const).entries()) {
        const streamId = `stream-${round}`
        const events = identified(1 + round)
        assertOneFirst(await allAtOnce(16, () => store.append(streamId, events, { expectedVersion })))
        assert.equal((await store.readStream(streamId)).version, events.length)
      }
    },
  },
  {
    group,
    name: 'records the events of 16 concurrent callers through four stores once',
    needs: ['shared-data'],
    async run({ open }) {
      const stores = await allAtOnce(4, () => open())
      const storeOf = (caller: number) => stores[caller % 4] as EventStore
      for (const [round, expectedVersion] of (['any', 0, 'noStream', 'any'] as const).entries()) {
        const streamId = `stream-${round}`
        const events = identified(1 + round)
        assertOneFirst(
          await allAtOnce(16, (caller) => storeOf(caller).append(streamId, events, { expectedVersion })),
        )
        assert.equal((await storeOf(0).readStream(streamId)).version, events.length)
      }
    },
  },
  {
    group,
    name: 'tells repeats from new appends at the same moment',
    async run({ open }) {
      const store = await open()
      const known = identified(1)
      await store.append('a', known)
      const results = await allAtOnce(30, (call) =>
        store.append('a', call % 3 === 0 ? known : counted(1, call)),
      )
      assert.equal(results.filter(({ deduplicated }) => deduplicated).length, 10)
      assert.equal((await store.readStream('a')).version, 21)
    },
  },
  {
    group,
    name: 'returns the result of a part when only a part of the call is repeated',
    async run({ open }) {
      const store = await open()
      const events = identified(5)
      const first = await store.append('a', events)
      for (const [from, to] of [
        [0, 2],
        [1, 4],
        [4, 5],
      ] as const) {
        const positions = first.positions.slice(from, to)
        assert.deepEqual(await store.append('a', events.slice(from, to)), {
          streamId: 'a',
          firstVersion: from + 1,
          version: to,
          position: positions.at(-1),
          positions,
          recordedAt: first.recordedAt,
          deduplicated: true,
        })
      }
    },
  },
  {
    group,
    name: 'refuses an event id that is recorded in another stream',
    async run({ open }) {
      const store = await open()
      const events = identified(2)
      await store.append('a', events)
      const before = await everything(store)
      const id = events[0]?.id ?? ''
      const facts = { eventId: id, streamId: 'a' }
      await refused(store.append('b', events), 'duplicate-event-id', facts)
      await refused(store.append('b', [{ type: 'T', data: 1, id }]), 'duplicate-event-id', facts)
      await refused(store.append('b', events, { expectedVersion: 'noStream' }), 'duplicate-event-id', facts)
      assert.deepEqual(await everything(store), before)
    },
  },
  {
    group,
    name: 'refuses a call when only some of its event ids are recorded, and writes nothing',
    async run({ open }) {
      const store = await open()
      const events = identified(3)
      await store.append('a', events)
      const before = await everything(store)
      const facts = { eventId: events[1]?.id ?? '', streamId: 'a' }
      for (const mixed of [
        [...events.slice(1), ...identified(1)],
        [...identified(2), ...events.slice(1)],
        [...identified(1), ...events.slice(1, 2), ...identified(1)],
      ]) {
        for (const expectedVersion of ['any', 3, 'noStream'] as const) {
          await refused(store.append('a', mixed, { expectedVersion }), 'duplicate-event-id', facts)
        }
      }
      assert.deepEqual(await everything(store), before)
    },
  },
  {
    group,
    name: 'refuses recorded event ids in another order, or with a recorded one left out between them',
    async run({ open }) {
      const store = await open()
      const events = identified(4)
      await store.append('a', events)
      await refused(store.append('a', events.toReversed()), 'duplicate-event-id', { streamId: 'a' })
      await refused(store.append('a', events.toSpliced(1, 1)), 'duplicate-event-id', { streamId: 'a' })
      assert.equal((await store.readStream('a')).version, 4)
    },
  },
  {
    group,
    name: 'recognises the events of two consecutive calls when one call repeats both',
    async run({ open }) {
      const store = await open()
      const events = identified(4)
      const [one, two] = [
        await store.append('a', events.slice(0, 2)),
        await store.append('a', events.slice(2)),
      ]
      const both = await store.append('a', events)
      assert.deepEqual(both.positions, [...one.positions, ...two.positions])
      assert.equal(both.firstVersion, 1)
      assert.equal(both.version, 4)
      assert.equal(both.deduplicated, true)
    },
  },
  {
    group,
    name: 'recognises an event id in upper and in lower case',
    async run({ open }) {
      const store = await open()
      const [event] = identified(1)
      assert.ok(event !== undefined)
      const upper = { ...event, id: event.id.toUpperCase() }
      const first = await store.append('a', [upper])
      assert.equal((await streamOf(store, 'a'))[0]?.id, event.id)
      assertRepeats(await store.append('a', [event]), first)
      assertRepeats(await store.append('a', [upper]), first)
      await refused(store.append('a', [event, upper]), 'invalid-input', { field: 'events' })
    },
  },
  {
    group,
    name: 'refuses a call that contains an event id twice',
    async run({ open }) {
      const store = await open()
      const [event] = identified(1)
      assert.ok(event !== undefined)
      await refused(store.append('a', [event, ...counted(1), event]), 'invalid-input', { field: 'events' })
      const spread = ['a', 'b'].map((streamId) => ({ streamId, events: [event] }))
      await refused(store.appendAll(spread), 'invalid-input', { field: 'events' })
      assert.deepEqual(await logOf(store), [])
    },
  },
  {
    group,
    name: 'refuses a repeat whose stream id differs only in case or by a space',
    async run({ open }) {
      const store = await open()
      const events = identified(2)
      await store.append('a', events)
      await refused(store.append('A', events), 'duplicate-event-id', { streamId: 'a' })
      await refused(store.append('a ', events), 'duplicate-event-id', { streamId: 'a' })
      assert.deepEqual(numbersOf(await logOf(store)), [1, 2])
    },
  },
]
