/** Cases of `frontier`: how far readers can read, and the running appends that hold them back. */
import assert from 'node:assert/strict'
import type { ConformanceCase } from './case.ts'
import { counted, logOf } from './events.ts'

const group = 'frontier'
const needs = ['open-transactions'] as const

export const frontierCases: readonly ConformanceCase[] = [
  {
    group,
    name: 'is at the beginning of an empty log',
    async run({ open }) {
      const store = await open()
      assert.deepEqual(await store.frontier(), { position: 0, head: 0, last: undefined, writers: [] })
    },
  },
  {
    group,
    name: 'is at the last event, and names its time, while no append is running',
    async run({ open }) {
      const store = await open()
      await store.append('a', counted(3, 1))
      const { position, recordedAt } = await store.append('b', counted(2, 1))
      const expected = { position, head: position, last: { position, recordedAt }, writers: [] }
      assert.deepEqual(await store.frontier(), expected)
      assert.deepEqual(await store.frontier(), expected)
    },
  },
  {
    group,
    name: 'is before an append that is not committed, shows its writer, and moves on when it is committed',
    needs,
    async run({ open, begin }) {
      const store = await open()
      const before = await store.append('a', counted(1))
      const transaction = await begin()
      const held = await transaction.append('b', counted(1))
      const after = await store.append('c', counted(1))

      const during = await store.frontier()
      assert.equal(during.position, before.position)
      assert.equal(during.head, after.position)
      assert.equal(during.last?.position, after.position)
      assert.equal(during.writers.length, 1)
      assert.ok((during.writers[0]?.openTime ?? -1) >= 0)

      await transaction.commit()
      const { position, head, writers } = await store.frontier()
      assert.deepEqual([position, head, writers], [after.position, after.position, []])
      assert.deepEqual(
        (await logOf(store)).map((event) => event.position),
        [before.position, held.position, after.position],
      )
    },
  },
  {
    group,
    name: 'moves on when an append is rolled back',
    needs,
    async run({ open, begin }) {
      const store = await open()
      const transaction = await begin()
      await transaction.append('b', counted(1))
      const { position } = await store.append('c', counted(1))
      assert.equal((await store.frontier()).position, 0)
      await transaction.rollback()
      const after = await store.frontier()
      assert.deepEqual([after.position, after.head, after.writers], [position, position, []])
    },
  },
]
