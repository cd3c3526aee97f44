/**
 * Cases of the log while transactions are open: a reader skips no event and gets all events in order, and the store
 * waits only for transactions that have appended.
 */
import assert from 'node:assert/strict'
import type { RecordedEvent } from '../event.ts'
import type { EventStore } from '../store.ts'
import type { ConformanceCase } from './case.ts'
import { counted, everything, identified, logOf, numbersOf, range, streamOf } from './events.ts'
import { refused } from './expect.ts'
import { type FeedReader, runFeedScenario } from './feed-scenario.ts'

const group = 'the feed'
const needs = ['open-transactions'] as const

/** Reads the log again and again, each time after the last position that it has seen. */
async function* byCheckpoint(store: EventStore, signal: AbortSignal): AsyncGenerator<RecordedEvent> {
  for (let after = 0; !signal.aborted; ) {
    for await (const event of store.readAll({ after, limit: 7 })) {
      after = event.position
      yield event
    }
    await new Promise(setImmediate)
  }
}

export const feedCases: readonly ConformanceCase[] = [
  {
    group,
    name: 'skips, repeats and reorders nothing while transactions commit late, roll back and overtake each other',
    needs: ['open-transactions', 'shared-data'],
    async run(context) {
      const [store, other] = [await context.open(), await context.open()]
      const readers: FeedReader[] = [
        (signal) => store.readAll({ follow: true, signal }),
        (signal) => other.readAll({ follow: true, signal }),
        (signal) => byCheckpoint(other, signal),
      ]
      const reports = await runFeedScenario(context, store, readers)
      for (const { recorded, ...faults } of reports) {
        assert.deepEqual(faults, { missed: 0, repeated: 0, phantom: 0, reordered: 0, disordered: 0 })
        assert.ok(recorded > 200)
      }
    },
  },
  {
    group,
    name: 'shows no event behind an append that is not committed yet',
    needs,
    async run({ open, begin }) {
      const store = await open()
      await store.append('a', counted(1, 1))
      const transaction = await begin()
      const late = await transaction.append('b', counted(2, 2))
      const early = await store.append('a', counted(1, 4))
      assert.ok(early.position > late.position)
      assert.deepEqual(numbersOf(await logOf(store)), [1])
      assert.deepEqual(numbersOf(await logOf(store, { direction: 'backward' })), [1])
      // Reads of a stream do not wait for the log: they show what is committed in the stream.
      assert.deepEqual(numbersOf(await streamOf(store, 'a')), [1, 4])
      assert.equal((await store.readStream('b')).exists, false)
      await transaction.commit()
      assert.deepEqual(numbersOf(await logOf(store)), [1, 2, 3, 4])
      assert.deepEqual(
        (await streamOf(store, 'b')).map(({ position }) => position),
        late.positions,
      )
    },
  },
  {
    group,
    name: 'shows the very first event of a store, also when the second is committed before it',
    needs,
    async run({ open, begin }) {
      const store = await open()
      const following = logOf(store, { follow: true, limit: 2 })
      const transaction = await begin()
      await transaction.append('first', counted(1, 1))
      await store.append('second', counted(1, 2))
      assert.deepEqual(await logOf(store), [])
      await transaction.commit()
      assert.deepEqual(numbersOf(await following), [1, 2])
      assert.deepEqual(numbersOf(await logOf(store)), [1, 2])
    },
  },
  {
    group,
    name: 'does not wait for a transaction that wrote but appended nothing',
    needs,
    async run({ open, begin }) {
      const store = await open()
      const transaction = await begin()
      await transaction.writeElsewhere()
      for (const number of range(1, 5)) {
        await store.append('a', counted(1, number))
        assert.deepEqual(numbersOf(await logOf(store)), range(1, number))
      }
      await transaction.append('b', counted(1, 6))
      await transaction.commit()
      assert.deepEqual(numbersOf(await logOf(store)), range(1, 6))
    },
  },
  {
    group,
    name: 'keeps the order of a stream when an older transaction appends to it later',
    needs,
    async run({ open, begin }) {
      const store = await open()
      const older = await begin()
      await older.writeElsewhere()
      const younger = await begin()
      await younger.append('a', counted(1, 1))
      await younger.commit()
      await older.append('a', counted(1, 2))
      await older.commit()
      const log = await logOf(store)
      assert.deepEqual(numbersOf(log), [1, 2])
      assert.deepEqual(log, await streamOf(store, 'a'))
    },
  },
  {
    group,
    name: 'shows no trace of an append that was rolled back, and shows the appends after it',
    needs,
    async run({ open, begin }) {
      const store = await open()
      await store.append('a', counted(1, 1))
      const before = await everything(store)
      const events = identified(3, 50)
      const transaction = await begin()
      await transaction.append('a', events)
      await transaction.append('b', counted(1, 60))
      await transaction.rollback()
      assert.deepEqual(await everything(store), before)
      assert.equal(await store.streamInfo('b'), undefined)
      // The event ids are free again.
      const result = await store.append('a', events, { expectedVersion: 1 })
      assert.equal(result.deduplicated, false)
      assert.deepEqual(numbersOf(await logOf(store)), [1, 50, 51, 52])
      assert.equal((await store.append('b', counted(1), { expectedVersion: 'noStream' })).version, 1)
    },
  },
  {
    group,
    name: 'makes only writers to the same stream wait for an append that is not committed',
    needs,
    async run({ open, begin }) {
      const store = await open()
      await store.createStream('held')
      const transaction = await begin()
      await transaction.append('held', counted(1, 1))
      const waiting = store.append('held', counted(1, 2))
      for (const number of range(1, 20)) await store.append(`free-${number}`, counted(1))
      await store.appendAll([
        { streamId: 'free-1', events: counted(1) },
        { streamId: 'free-2', events: counted(1) },
      ])
      await transaction.commit()
      assert.equal((await waiting).version, 2)
      assert.equal((await logOf(store)).length, 24)
    },
  },
  {
    group,
    name: 'lets a writer that waited find out whether the other transaction has created the stream',
    needs,
    async run({ open, begin }) {
      const store = await open()
      const transaction = await begin()
      await transaction.append('a', counted(2, 1))
      const waiting = Promise.all([
        store.append('a', counted(1, 10), { expectedVersion: 'any' }),
        store.append('b', counted(1, 20)),
      ])
      await transaction.rollback()
      assert.deepEqual(
        (await waiting).map(({ version }) => version),
        [1, 1],
      )
      const [first, second] = [await begin(), await begin()]
      await first.append('c', counted(1), { expectedVersion: 'noStream' })
      const losing = refused(
        second.append('c', counted(1), { expectedVersion: 'noStream' }),
        'wrong-expected-version',
        { streamId: 'c', actual: 1 },
      )
      await first.commit()
      await losing
      await second.rollback()
    },
  },
]
