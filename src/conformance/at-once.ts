/**
 * Cases of many concurrent appends: a store may send them to the database in groups, but each caller gets its own
 * outcome.
 */
import assert from 'node:assert/strict'
import { hasCode } from '../errors/index.ts'
import type { ConformanceCase } from './case.ts'
import { counted, everything, identified, logOf, numbersOf, range, streamOf } from './events.ts'
import { allAtOnce, atOnce } from './expect.ts'

const group = 'appends at once'

export const atOnceCases: readonly ConformanceCase[] = [
  {
    group,
    name: 'makes all appends to different streams, each with its own version, positions and time',
    async run({ open }) {
      const store = await open()
      const results = await allAtOnce(300, (caller) =>
        store.append(`s-${caller}`, counted(1 + (caller % 3), caller)),
      )
      for (const [caller, result] of results.entries()) {
        const events = await streamOf(store, `s-${caller}`)
        assert.deepEqual(numbersOf(events), range(caller, caller + (caller % 3)))
        assert.equal(result.version, events.length)
        assert.deepEqual(
          result.positions,
          events.map(({ position }) => position),
        )
        assert.deepEqual(result.recordedAt, events[0]?.recordedAt)
      }
      assert.equal((await logOf(store)).length, 600)
    },
  },
  {
    group,
    name: 'reports a conflict or a taken event id only to its caller, and makes the other appends',
    async run({ open }) {
      const store = await open()
      const [taken] = identified(1)
      assert.ok(taken)
      await store.append('taken', [taken])
      await allAtOnce(20, (caller) => store.append(`old-${caller}`, counted(2)))
      const { results, errors } = await atOnce(100, (caller) => {
        if (caller % 20 === 7) return store.append(`new-${caller}`, [taken])
        if (caller % 5 === 0) return store.append(`old-${caller / 5}`, counted(1), { expectedVersion: 1 })
        if (caller % 5 === 1)
          return store.append(`old-${caller % 20}`, counted(1), { expectedVersion: 'noStream' })
        return store.append(`new-${caller}`, counted(1), { expectedVersion: 0 })
      })
      const codes = errors.map((error) => (error instanceof Error && 'code' in error ? error.code : error))
      assert.equal(codes.filter((code) => code === 'duplicate-event-id').length, 5)
      assert.equal(codes.filter((code) => code === 'wrong-expected-version').length, 40)
      for (const error of errors) {
        if (hasCode(error, 'wrong-expected-version')) assert.equal(error.actual, 2)
        if (hasCode(error, 'duplicate-event-id')) assert.equal(error.streamId, 'taken')
      }
      assert.equal(results.length, 55)
      assert.equal((await logOf(store)).length, 1 + 40 + 55)
    },
  },
  {
    group,
    name: 'makes only one of several appends with the same event ids, and returns its result to all callers',
    async run({ open }) {
      const store = await open()
      for (const expectedVersion of ['any', 'noStream', 0] as const) {
        const events = identified(2)
        const streamId = `s-${expectedVersion}`
        const results = await allAtOnce(12, () => store.append(streamId, events, { expectedVersion }))
        const made = results.filter(({ deduplicated }) => !deduplicated)
        assert.equal(made.length, 1)
        for (const result of results) assert.deepEqual({ ...result, deduplicated: false }, made[0])
        assert.equal((await streamOf(store, streamId)).length, 2)
      }
    },
  },
  {
    group,
    name: 'leaves no gap in streams that many callers append to, and orders their positions like their versions',
    async run({ open }) {
      const store = await open()
      const results = await allAtOnce(400, (caller) => store.append(`s-${caller % 3}`, counted(2, caller)))
      assert.equal(new Set(results.flatMap(({ positions }) => positions)).size, 800)
      for (const stream of range(0, 2)) {
        const events = await streamOf(store, `s-${stream}`)
        assert.deepEqual(
          events.map(({ version }) => version),
          range(1, events.length),
        )
        const positions = events.map(({ position }) => position)
        assert.deepEqual(
          positions,
          positions.toSorted((a, b) => a - b),
        )
        // The two events of an append stay side by side.
        const numbers = numbersOf(events)
        for (const at of range(0, numbers.length / 2 - 1))
          assert.equal(numbers[2 * at + 1], (numbers[2 * at] ?? 0) + 1)
      }
    },
  },
  {
    group,
    name: 'serves 1,000 callers in turn, so that no caller waits until all others are done',
    async run({ open }) {
      const store = await open()
      // Opens connections and prepares plans first: that may take as long as all the appends that follow.
      await allAtOnce(1000, (caller) => store.append(`s-${caller}`, counted(1, 0)))
      const rounds = 4
      const done = new Map<number, number>()
      let furthestAhead = 0
      await allAtOnce(1000, async (caller) => {
        for (const round of range(1, rounds)) {
          await store.append(`s-${caller}`, counted(1, round))
          done.set(caller, round)
          if (round === rounds) furthestAhead = Math.max(furthestAhead, 1000 - done.size)
        }
      })
      assert.equal(furthestAhead, 0, 'a caller finished all rounds before others were served once')
      assert.equal((await logOf(store)).length, 1000 * (1 + rounds))
    },
  },
  {
    group,
    name: 'makes all other appends when a caller aborts its own',
    async run({ open }) {
      const store = await open()
      const giveUp = new AbortController()
      const others = allAtOnce(50, (caller) => store.append(`s-${caller}`, counted(1)))
      const aborted = store
        .append('given up', counted(1), { signal: giveUp.signal })
        .then(() => 'made', String)
      const more = allAtOnce(50, (caller) => store.append(`t-${caller}`, counted(1)))
      giveUp.abort(new Error('enough'))
      assert.ok(['made', 'Error: enough'].includes(await aborted))
      await Promise.all([others, more])
      const names = new Set((await logOf(store)).map(({ streamId }) => streamId))
      names.delete('given up')
      assert.equal(names.size, 100)
    },
  },
  {
    group,
    name: 'answers reads while appends run in a loop, and appends while reads run in a loop',
    async run({ open }) {
      const store = await open()
      await allAtOnce(8, (caller) => store.append(`s-${caller}`, counted(2)))
      const most = 2000
      async function countUntil(others: Promise<unknown>, call: () => Promise<unknown>): Promise<number> {
        let isDone = false
        const done = others.finally(() => {
          isDone = true
        })
        let calls = 0
        for (; !isDone && calls < most; calls++) await call()
        await done
        return calls
      }
      const reads = allAtOnce(8, (caller) => store.readStream(`s-${caller}`))
      assert.ok((await countUntil(reads, () => store.append('loop', counted(1)))) < most)
      const appends = allAtOnce(8, (caller) => store.append(`s-${caller}`, counted(2)))
      assert.ok((await countUntil(appends, () => store.readStream('loop'))) < most)
    },
  },
  {
    group,
    name: 'makes appends to other streams while a transaction holds or creates a stream',
    needs: ['open-transactions'],
    async run({ open, begin }) {
      const store = await open()
      await store.append('held', counted(1))
      const transaction = await begin()
      await transaction.append('held', counted(1, 2))
      await transaction.append('created', counted(1, 1))
      const before = await everything(store)
      let waited = true
      const waiting = ['held', 'created'].map((streamId) => store.append(streamId, counted(1, 3)))
      const waits = Promise.all(waiting).then(() => {
        waited = false
      })
      // The store may group these with the two waiting appends. They must succeed while the transaction is open.
      for (const round of range(1, 3)) {
        await allAtOnce(20, (caller) => store.append(`s-${caller}`, counted(1, round)))
      }
      assert.ok(waited)
      assert.notDeepEqual(await everything(store), before)
      await transaction.commit()
      await waits
      assert.deepEqual(numbersOf(await streamOf(store, 'held')), [1, 2, 3])
      assert.deepEqual(numbersOf(await streamOf(store, 'created')), [1, 3])
      assert.equal((await logOf(store)).length, 60 + 5)
    },
  },
]
