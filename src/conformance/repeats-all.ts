/** Cases of repeated `appendAll` calls. */
import assert from 'node:assert/strict'
import type { StreamAppend } from '../store.ts'
import type { ConformanceCase } from './case.ts'
import { counted, everything, identified, logOf } from './events.ts'
import { allAtOnce, refused } from './expect.ts'

const group = 'repeats of appendAll'

/** Appends to three streams whose ids are not in alphabetical order. */
function calls(): readonly (StreamAppend & { readonly events: ReturnType<typeof identified> })[] {
  return ['b', 'c', 'a'].map((streamId, index) => ({ streamId, events: identified(index + 1) }))
}

export const repeatAllCases: readonly ConformanceCase[] = [
  {
    group,
    name: 'returns the first results with any expected versions',
    async run({ open }) {
      const store = await open()
      const appends = calls()
      const first = await store.appendAll(appends)
      await store.append('a', counted(2))
      const before = await everything(store)
      for (const expectedVersion of ['any', 'noStream', 0, 7] as const) {
        const again = await store.appendAll(appends.map((append) => ({ ...append, expectedVersion })))
        assert.deepEqual(
          again,
          first.map((result) => ({ ...result, deduplicated: true })),
        )
      }
      assert.deepEqual(await everything(store), before)
    },
  },
  {
    group,
    name: 'returns the first results in the order of the repeated call',
    async run({ open }) {
      const store = await open()
      const appends = calls()
      const first = await store.appendAll(appends)
      assert.deepEqual(
        await store.appendAll(appends.toReversed()),
        first.toReversed().map((result) => ({ ...result, deduplicated: true })),
      )
    },
  },
  {
    group,
    name: 'records the events of 16 concurrent callers once',
    async run({ open }) {
      const store = await open()
      const appends = calls().map((append) => ({ ...append, expectedVersion: 'noStream' as const }))
      const results = await allAtOnce(16, (caller) =>
        store.appendAll(caller % 2 === 0 ? appends : appends.toReversed()),
      )
      const firsts = results.filter((all) => all.every(({ deduplicated }) => !deduplicated))
      const repeats = results.filter((all) => all.every(({ deduplicated }) => deduplicated))
      assert.equal(firsts.length, 1)
      assert.equal(repeats.length, 15)
      assert.equal((await logOf(store)).length, 6)
    },
  },
  {
    group,
    name: 'returns the present version of a stream that the call only checks',
    async run({ open }) {
      const store = await open()
      await store.append('checked', counted(2))
      const appends = [...calls(), { streamId: 'checked', events: [], expectedVersion: 2 }]
      await store.appendAll(appends)
      const { position } = await store.append('checked', counted(3))
      const results = await store.appendAll(appends)
      assert.deepEqual(
        results.slice(0, 3).map(({ deduplicated }) => deduplicated),
        [true, true, true],
      )
      assert.equal(results[3]?.version, 5)
      assert.equal(results[3].position, position)
      assert.equal((await logOf(store)).length, 11)
    },
  },
  {
    group,
    name: 'recognises one append of the call alone, or together with other recorded appends',
    async run({ open }) {
      const store = await open()
      const [b, c, a] = calls()
      assert.ok(a !== undefined && b !== undefined && c !== undefined)
      const [first] = await store.appendAll([b, c])
      assert.deepEqual(await store.append('b', b.events), { ...first, deduplicated: true })
      await store.append('a', a.events)
      const together = await store.appendAll([a, b])
      assert.deepEqual(
        together.map(({ deduplicated }) => deduplicated),
        [true, true],
      )
    },
  },
  {
    group,
    name: 'refuses a call when only some streams have its events, and writes nothing',
    async run({ open }) {
      const store = await open()
      const [b, c, a] = calls()
      assert.ok(a !== undefined && b !== undefined && c !== undefined)
      await store.append('c', c.events)
      const before = await everything(store)
      const facts = { eventId: c.events[0]?.id ?? '', streamId: 'c' }
      await refused(store.appendAll([a, b, c]), 'duplicate-event-id', facts)
      await refused(store.appendAll([c, { streamId: 'd', events: counted(1) }]), 'duplicate-event-id', facts)
      const elsewhere = [
        { streamId: 'd', events: counted(1) },
        { streamId: 'e', events: c.events },
      ]
      await refused(store.appendAll(elsewhere), 'duplicate-event-id', facts)
      assert.deepEqual(await everything(store), before)
    },
  },
  {
    group,
    name: 'refuses a taken event id as such, also if another stream is not at its expected version',
    async run({ open }) {
      const store = await open()
      const events = identified(1)
      await store.append('a', events)
      const before = await everything(store)
      const taken: StreamAppend = { streamId: 'z', events }
      const conflicting: StreamAppend = { streamId: 'm', events: counted(1), expectedVersion: 4 }
      for (const call of [
        [taken, conflicting],
        [conflicting, taken],
      ]) {
        await refused(store.appendAll(call), 'duplicate-event-id', {
          eventId: events[0]?.id ?? '',
          streamId: 'a',
        })
      }
      assert.deepEqual(await everything(store), before)
    },
  },
]
