/** Cases of appends in a transaction of the caller: the same rules hold, and the caller commits or rolls back. */
import assert from 'node:assert/strict'
import type { ConformanceCase } from './case.ts'
import { counted, identified, logOf, numbersOf, range, streamOf } from './events.ts'
import { allAtOnce, refused } from './expect.ts'

const group = 'own transactions'
const needs = ['open-transactions'] as const

export const transactionCases: readonly ConformanceCase[] = [
  {
    group,
    name: 'makes several appends in a transaction, each on the one before, and commits them together',
    needs,
    async run({ open, begin }) {
      const store = await open()
      const transaction = await begin()
      const first = await transaction.append('a', counted(2, 1), { expectedVersion: 'noStream' })
      const second = await transaction.append('a', counted(1, 3), {
        expectedVersion: 2,
        metadata: { userId: 'u' },
      })
      assert.equal(first.version, 2)
      assert.equal(second.version, 3)
      assert.equal(await store.streamInfo('a'), undefined)
      await transaction.commit()
      const events = await streamOf(store, 'a')
      assert.deepEqual(numbersOf(events), [1, 2, 3])
      assert.deepEqual(events[2]?.metadata, { userId: 'u' })
      assert.deepEqual(
        events.map(({ position }) => position),
        [...first.positions, ...second.positions],
      )
    },
  },
  {
    group,
    name: 'writes nothing after a conflict, and keeps the transaction usable',
    needs,
    async run({ open, begin }) {
      const store = await open()
      await store.append('a', counted(2, 1))
      const transaction = await begin()
      for (const expectedVersion of [1, 'noStream'] as const) {
        const call = transaction.append('a', counted(1), { expectedVersion })
        await refused(call, 'wrong-expected-version', { streamId: 'a', expected: expectedVersion, actual: 2 })
      }
      await transaction.append('a', counted(1, 3), { expectedVersion: 2 })
      await transaction.commit()
      assert.deepEqual(numbersOf(await streamOf(store, 'a')), [1, 2, 3])
    },
  },
  {
    group,
    name: 'returns the first result of recorded events, and keeps the transaction usable',
    needs,
    async run({ open, begin }) {
      const store = await open()
      const events = identified(2, 1)
      const first = await store.append('a', events)
      await store.append('a', counted(1, 3))
      const transaction = await begin()
      for (const expectedVersion of ['any', 0, 3] as const) {
        const again = await transaction.append('a', events, { expectedVersion })
        assert.deepEqual(again, { ...first, deduplicated: true })
      }
      await refused(transaction.append('b', events), 'duplicate-event-id', { streamId: 'a' })
      const own = identified(1, 4)
      const appended = await transaction.append('a', own)
      assert.deepEqual(await transaction.append('a', own), { ...appended, deduplicated: true })
      await transaction.commit()
      assert.deepEqual(numbersOf(await logOf(store)), [1, 2, 3, 4])
    },
  },
  {
    group,
    name: 'refuses invalid input before the database gets it, and keeps the transaction usable',
    needs,
    async run({ open, begin }) {
      const store = await open()
      const transaction = await begin()
      await refused(transaction.append('', counted(1)), 'invalid-input', { field: 'streamId' })
      await refused(transaction.append('a', [{ type: 'T', data: Number.NaN }]), 'invalid-input')
      await transaction.append('a', counted(1))
      await transaction.commit()
      assert.equal((await store.readStream('a')).version, 1)
    },
  },
  {
    group,
    name: 'writes nothing without events, and returns the present version and position of the stream',
    needs,
    async run({ open, begin }) {
      const store = await open()
      const { position } = await store.append('a', counted(2))
      const transaction = await begin()
      const result = await transaction.append('a', [], { expectedVersion: 2 })
      assert.equal(result.version, 2)
      assert.equal(result.position, position)
      await refused(transaction.append('a', [], { expectedVersion: 3 }), 'wrong-expected-version', {
        actual: 2,
      })
      await transaction.commit()
      assert.equal((await store.readStream('a')).version, 2)
    },
  },
  {
    group,
    name: 'lets exactly one of 16 transactions win that expect the present version',
    needs,
    async run({ open, begin }) {
      const store = await open()
      await store.append('a', counted(1))
      const outcomes = await allAtOnce(16, async () => {
        const transaction = await begin()
        try {
          const { version } = await transaction.append('a', counted(1), { expectedVersion: 1 })
          await transaction.commit()
          return version
        } catch (error) {
          await refused(Promise.reject(error), 'wrong-expected-version', { expected: 1, actual: 2 })
          await transaction.rollback()
          return 0
        }
      })
      assert.deepEqual(
        outcomes.toSorted((a, b) => a - b),
        [...range(1, 15).map(() => 0), 2],
      )
    },
  },
]
