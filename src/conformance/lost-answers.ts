/**
 * Cases in which the connection breaks after the database has committed and before it answers. The store must find out
 * that the write was made, and must not make it again.
 */
import assert from 'node:assert/strict'
import type { ConformanceCase } from './case.ts'
import { counted, identified, logOf, numbersOf, range, streamOf } from './events.ts'
import { allAtOnce, refused } from './expect.ts'

const group = 'lost answers'
const needs = ['cut-connections'] as const

export const lostAnswerCases: readonly ConformanceCase[] = [
  {
    group,
    name: 'records every event of an append once, with any and with an exact expected version',
    needs,
    async run({ openBehindProxy }) {
      const { store, proxy } = await openBehindProxy()
      for (const number of range(1, 24)) {
        const cutsBefore = proxy.cuts
        proxy.cutAnswers(number % 4 === 0 ? 2 : 1)
        const expectedVersion = number % 2 === 0 ? 'any' : 2 * (number - 1)
        const result = await store.append('a', counted(2, 2 * number - 1), { expectedVersion })
        assert.equal(result.firstVersion, 2 * number - 1)
        assert.equal(result.version, 2 * number)
        assert.ok(proxy.cuts > cutsBefore, 'the proxy has cut a connection')
      }
      proxy.cutAnswers(0)
      const events = await streamOf(store, 'a')
      assert.deepEqual(numbersOf(events), range(1, 48))
      assert.deepEqual(await logOf(store), events)
    },
  },
  {
    group,
    name: "reports no conflict between an append that expects 'noStream' and its own stream",
    needs,
    async run({ openBehindProxy }) {
      const { store, proxy } = await openBehindProxy()
      for (const number of range(1, 10)) {
        proxy.cutAnswers(1)
        const result = await store.append(`s-${number}`, counted(1), { expectedVersion: 'noStream' })
        assert.equal(result.version, 1)
      }
      assert.equal(proxy.cuts, 10)
      await refused(
        store.append('s-1', counted(1), { expectedVersion: 'noStream' }),
        'wrong-expected-version',
        {
          actual: 1,
        },
      )
      assert.equal((await logOf(store)).length, 10)
    },
  },
  {
    group,
    name: 'records every event of 32 concurrent callers once',
    needs,
    async run({ openBehindProxy }) {
      const { store, proxy } = await openBehindProxy()
      for (const round of range(1, 5)) {
        proxy.cutAnswers(2)
        const results = await allAtOnce(32, (caller) =>
          store.append(`s-${caller % 8}`, counted(1, caller), { metadata: { round } }),
        )
        assert.equal(new Set(results.map(({ position }) => position)).size, 32)
      }
      assert.ok(proxy.cuts >= 5)
      proxy.cutAnswers(0)
      const log = await logOf(store)
      assert.equal(log.length, 160)
      for (const stream of range(0, 7)) {
        const events = await streamOf(store, `s-${stream}`)
        assert.deepEqual(
          events.map(({ version }) => version),
          range(1, 20),
        )
      }
    },
  },
  {
    group,
    name: 'returns the first result of a repeated append, and records nothing',
    needs,
    async run({ openBehindProxy }) {
      const { store, proxy } = await openBehindProxy()
      const events = identified(3)
      const first = await store.append('a', events)
      await store.append('a', counted(1))
      proxy.cutAnswers(1)
      const again = await store.append('a', events)
      assert.deepEqual(again, { ...first, deduplicated: true })
      assert.equal((await store.readStream('a')).version, 4)
    },
  },
  {
    group,
    name: 'reports no conflict between createStream and its own stream',
    needs,
    async run({ openBehindProxy }) {
      const { store, proxy } = await openBehindProxy()
      proxy.cutAnswers(1)
      const created = await store.createStream('a', { metadata: { owner: 'me' } })
      assert.equal(proxy.cuts, 1)
      assert.deepEqual(created, await store.streamInfo('a'))
      assert.equal(created.version, 0)
      assert.deepEqual(created.metadata, { owner: 'me' })
      await refused(store.createStream('a'), 'stream-already-exists', { version: 0 })
    },
  },
  {
    group,
    name: 'records every event of appendAll once, in all streams',
    needs,
    async run({ openBehindProxy }) {
      const { store, proxy } = await openBehindProxy()
      for (const number of range(1, 10)) {
        proxy.cutAnswers(1)
        const results = await store.appendAll([
          { streamId: 'b', events: counted(1, number), expectedVersion: number - 1 },
          { streamId: 'a', events: counted(2, 2 * number - 1) },
          { streamId: 'missing', events: [], expectedVersion: 'noStream' },
        ])
        assert.deepEqual(
          results.map(({ version }) => version),
          [number, 2 * number, 0],
        )
      }
      assert.equal(proxy.cuts, 10)
      assert.deepEqual(numbersOf(await streamOf(store, 'a')), range(1, 20))
      assert.deepEqual(numbersOf(await streamOf(store, 'b')), range(1, 10))
      assert.equal(await store.streamInfo('missing'), undefined)
    },
  },
  {
    group,
    name: 'records every event of an import once, in the order of the source',
    needs,
    async run({ openBehindProxy }) {
      const { store, proxy } = await openBehindProxy()
      const source = identified(100).map((event, index) => ({ ...event, streamId: `s-${index % 7}` }))
      proxy.cutAnswers(3)
      const result = await store.import(source, { batchSize: 20 })
      assert.ok(proxy.cuts >= 1)
      assert.equal(result.read, 100)
      proxy.cutAnswers(0)
      assert.deepEqual(numbersOf(await logOf(store)), range(1, 100))
    },
  },
  {
    group,
    name: 'keeps showing new events to a reader that follows the log',
    needs,
    async run({ openBehindProxy }) {
      const { store, proxy } = await openBehindProxy()
      const following = (async () => {
        const seen: number[] = []
        for await (const event of store.readAll({ follow: true, limit: 20 })) seen.push(...numbersOf([event]))
        return seen
      })()
      for (const number of range(1, 20)) {
        if (number % 2 === 0) proxy.cutAnswers(1)
        await store.append('a', counted(1, number))
      }
      assert.deepEqual(await following, range(1, 20))
    },
  },
]
