/** Cases of `appendAll`: it appends to all its streams or to none. */
import assert from 'node:assert/strict'
import type { StreamAppend } from '../store.ts'
import type { ConformanceCase } from './case.ts'
import { counted, everything, logOf, numbersOf, range, streamOf } from './events.ts'
import { allAtOnce, refused } from './expect.ts'

const group = 'appendAll'

export const appendAllCases: readonly ConformanceCase[] = [
  {
    group,
    name: 'returns the results in the order of the call, not in the order of the stream ids',
    async run({ open }) {
      const store = await open()
      await store.append('b', counted(2))
      const results = await store.appendAll([
        { streamId: 'c', events: counted(1) },
        { streamId: 'b', events: counted(3), expectedVersion: 2 },
        { streamId: 'a', events: counted(2), expectedVersion: 'noStream' },
      ])
      assert.deepEqual(
        results.map(({ streamId, firstVersion, version }) => ({ streamId, firstVersion, version })),
        [
          { streamId: 'c', firstVersion: 1, version: 1 },
          { streamId: 'b', firstVersion: 3, version: 5 },
          { streamId: 'a', firstVersion: 1, version: 2 },
        ],
      )
      for (const { streamId, positions, recordedAt, firstVersion } of results) {
        const { events } = await store.readStream(streamId, { fromVersion: firstVersion })
        assert.deepEqual(
          events.map(({ position }) => position),
          positions,
        )
        assert.ok(events.every((event) => event.recordedAt.getTime() === recordedAt?.getTime()))
      }
    },
  },
  {
    group,
    name: 'assigns positions in the order of the call',
    async run({ open }) {
      const store = await open()
      const results = await store.appendAll([
        { streamId: 'c', events: counted(2, 1) },
        { streamId: 'a', events: counted(2, 3) },
        { streamId: 'b', events: counted(2, 5) },
      ])
      const log = await logOf(store)
      assert.deepEqual(numbersOf(log), range(1, 6))
      assert.deepEqual(
        log.map(({ position }) => position),
        results.flatMap(({ positions }) => positions),
      )
    },
  },
  {
    group,
    name: 'writes to no stream when the first, a middle or the last one is not at its expected version',
    async run({ open }) {
      const store = await open()
      await store.append('old', counted(2))
      const before = await everything(store)
      const good: StreamAppend[] = [
        { streamId: 'new-1', events: counted(2), expectedVersion: 'noStream' },
        { streamId: 'old', events: counted(1), expectedVersion: 2 },
        { streamId: 'new-2', events: counted(1) },
      ]
      const bad: StreamAppend = { streamId: 'bad', events: counted(1), expectedVersion: 5 }
      for (const place of range(0, 3)) {
        const call = store.appendAll(good.toSpliced(place, 0, bad))
        await refused(call, 'wrong-expected-version', { streamId: 'bad', expected: 5, actual: 0 })
      }
      assert.deepEqual(await everything(store), before)
      assert.equal(await store.streamInfo('new-1'), undefined)
    },
  },
  {
    group,
    name: 'names the first stream that is not at its expected version when there are several',
    async run({ open }) {
      const store = await open()
      const call = store.appendAll([
        { streamId: 'fine', events: counted(1) },
        { streamId: 'z', events: counted(1), expectedVersion: 1 },
        { streamId: 'a', events: counted(1), expectedVersion: 2 },
      ])
      await refused(call, 'wrong-expected-version', { streamId: 'z', expected: 1, actual: 0 })
    },
  },
  {
    group,
    name: 'only checks the version of a stream without events',
    async run({ open }) {
      const store = await open()
      await store.append('account', counted(3))
      const append: StreamAppend = { streamId: 'transfer', events: counted(1) }
      const changed = store.appendAll([{ streamId: 'account', events: [], expectedVersion: 2 }, append])
      await refused(changed, 'wrong-expected-version', { streamId: 'account', actual: 3 })
      const present = store.appendAll([
        { streamId: 'account', events: [], expectedVersion: 'noStream' },
        append,
      ])
      await refused(present, 'wrong-expected-version', { streamId: 'account', actual: 3 })
      assert.equal(await store.streamInfo('transfer'), undefined)

      const { position } = (await streamOf(store, 'account')).at(-1) ?? { position: 0 }
      const [checked, absent] = await store.appendAll([
        { streamId: 'account', events: [], expectedVersion: 3 },
        { streamId: 'missing', events: [], expectedVersion: 'noStream' },
        append,
      ])
      const nothing = { positions: [], recordedAt: undefined, deduplicated: false }
      assert.deepEqual(checked, { streamId: 'account', version: 3, firstVersion: 4, position, ...nothing })
      assert.deepEqual(absent, { streamId: 'missing', version: 0, firstVersion: 1, position: 0, ...nothing })
      assert.equal(await store.streamInfo('missing'), undefined)
      assert.equal((await store.readStream('account')).version, 3)
    },
  },
  {
    group,
    name: 'writes nothing when the call only checks versions',
    async run({ open }) {
      const store = await open()
      await store.createStream('created')
      await store.append('a', counted(2))
      const before = await everything(store)
      assert.deepEqual(await store.appendAll([]), [])
      const results = await store.appendAll([
        { streamId: 'a', events: [], expectedVersion: 2 },
        { streamId: 'created', events: [], expectedVersion: 'streamExists' },
        { streamId: 'missing', events: [] },
      ])
      assert.deepEqual(
        results.map(({ version }) => version),
        [2, 0, 0],
      )
      assert.deepEqual(await everything(store), before)
    },
  },
  {
    group,
    name: 'refuses a call that names a stream twice',
    async run({ open }) {
      const store = await open()
      for (const events of [counted(1), []]) {
        const call = store.appendAll([
          { streamId: 'a', events: counted(1) },
          { streamId: 'b', events: counted(1) },
          { streamId: 'a', events },
        ])
        await refused(call, 'invalid-input', { field: 'appends' })
      }
      assert.deepEqual(await logOf(store), [])
    },
  },
  {
    group,
    name: 'appends to 500 streams in one call',
    needs: ['large-transactions'],
    async run({ open }) {
      const store = await open()
      const appends = range(1, 500).map((number) => ({ streamId: `s-${number}`, events: counted(2, number) }))
      const results = await store.appendAll(appends)
      assert.deepEqual(new Set(results.map(({ version }) => version)), new Set([2]))
      assert.deepEqual(
        (await logOf(store)).map(({ position }) => position),
        results.flatMap(({ positions }) => positions),
      )
    },
  },
  {
    group,
    name: 'makes the calls of 32 callers that name the same streams in different orders',
    async run({ open }) {
      const store = await open()
      const names = ['a', 'b', 'c', 'd', 'e']
      const results = await allAtOnce(32, (caller) => {
        const turned = [...names.slice(caller % 5), ...names.slice(0, caller % 5)]
        const order = caller % 2 === 0 ? turned : turned.toReversed()
        return store.appendAll(
          order.slice(0, 4).map((streamId) => ({ streamId, events: counted(1, caller) })),
        )
      })
      assert.equal(results.flat().length, 128)
      let sum = 0
      for (const streamId of names) {
        const events = await streamOf(store, streamId)
        assert.deepEqual(
          events.map(({ version }) => version),
          range(1, events.length),
        )
        sum += events.length
      }
      assert.equal(sum, 128)
      assert.equal((await logOf(store)).length, 128)
    },
  },
]
