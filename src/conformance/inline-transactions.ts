/**
 * Cases of the transaction in which inline projections run: which events they get, what other callers see before it
 * ends, and what happens after it has ended.
 */
import assert from 'node:assert/strict'
import { AsyncLocalStorage } from 'node:async_hooks'
import { hasCode } from '../errors/index.ts'
import type { RecordedEvent } from '../event.ts'
import { projection } from '../projection/projection.ts'
import type { HandlerTransaction } from '../projection/transaction.ts'
import { sleep } from '../runtime/abort.ts'
import type { EventStore } from '../store.ts'
import type { ConformanceCase } from './case.ts'
import { collect, counted, eventOfType, identified, logOf, range } from './events.ts'
import { allAtOnce, failure, latch, refused } from './expect.ts'

const group = 'inline projections'

/** A projection whose handle function runs until `end` is released. It releases `entered` when it begins. */
function waitingProjection() {
  const [entered, end] = [latch(), latch()]
  const waiting = projection({
    name: 'waiting',
    async handle(_events: readonly RecordedEvent[], tx: HandlerTransaction) {
      await tx.documents('notes').put('written', true)
      entered.release()
      await end.released
    },
  })
  return { waiting, entered, end }
}

/** Hashes the positions of the events in the order in which they are folded. Another order results in another hash. */
const history = projection({
  name: 'history',
  key: () => ['one', 'two'],
  initialState: () => ({ last: 0, hash: 0 }),
  evolve: ({ hash }, { position }: RecordedEvent) => ({
    last: position,
    hash: (hash * 31 + position) % 1_000_003,
  }),
})

const callsItsStore: ConformanceCase = {
  group,
  // A call that waited for the transaction it was made in would wait for ever, and keep all later appends waiting.
  name: 'let code inside a transaction append to the store, or refuse that by name',
  async run({ open }) {
    let outcome: unknown
    let nested: EventStore | undefined
    const careless = projection({
      name: 'careless',
      async handle(events: readonly RecordedEvent[], tx: HandlerTransaction) {
        await tx.documents('notes').put(String(events[0]?.streamId), true)
        if (events[0]?.streamId !== 'outer') return
        outcome = await (nested as EventStore).append('inner', counted(1)).catch((error: unknown) => error)
      },
    })
    const store = await open({ inline: [careless] })
    nested = store
    const isRefused = () => hasCode(outcome, 'nested-call')
    await store.append('outer', counted(1))
    if (!isRefused()) assert.ok((await store.readStream('inner')).exists)
    // The store works on, whatever has become of the call.
    await store.append('after', counted(1))

    const before = (await logOf(store)).length
    const handled: string[] = []
    await store.runOnce({
      name: 's',
      transactional: true,
      onError: { retries: 0 },
      async handle({ streamId }, { tx }) {
        await tx.documents('others').get(streamId)
        const appending = store.append(`by ${streamId}`, counted(1))
        outcome = await appending.catch((error: unknown) => error)
        handled.push(isRefused() ? 'refused' : 'appended')
      },
      streamPrefix: 'after',
    })
    assert.equal(handled.length, 1)
    const added = (await logOf(store)).length - before
    assert.equal(added, handled[0] === 'appended' ? 1 : 0)
  },
}

function foldsInTheOrderOfTheLog(storesNeeded: 1 | 4): ConformanceCase {
  return {
    group,
    name: `folds in the order of the log while many callers append${storesNeeded === 1 ? '' : ', through four stores'}`,
    ...(storesNeeded === 4 && { needs: ['shared-data'] }),
    async run({ open }) {
      const stores = await allAtOnce(storesNeeded, () => open({ inline: [history] }))
      const store = stores[0] as EventStore
      await allAtOnce(16, async (caller) => {
        for (const call of range(1, 12)) {
          const own = stores[caller % storesNeeded] as EventStore
          const streams = [`s${caller}`, `shared-${(caller + call) % 3}`]
          if (call % 4 > 0) await own.append(streams[0] as string, counted(1))
          else await own.appendAll(streams.map((streamId) => ({ streamId, events: counted(1) })))
        }
      })
      const log = await logOf(store)
      const hash = log.reduce((sum, { position }) => (sum * 31 + position) % 1_000_003, 0)
      const last = log.at(-1)?.position
      for (const { state, position } of await collect(store.view(history).list())) {
        assert.deepEqual({ state, position }, { state: { last, hash }, position: last })
      }
    },
  }
}

export const inlineTransactionCases: readonly ConformanceCase[] = [
  callsItsStore,
  {
    group,
    name: 'passes to a projection the events as readers get them later, in the order of the log',
    async run({ open }) {
      const given: RecordedEvent[] = []
      const watching = projection({
        name: 'watching',
        handle: (events: readonly RecordedEvent[]) => void given.push(...structuredClone(events)),
      })
      const store = await open({ inline: [watching] })
      const tagged = {
        ...eventOfType('Tagged', { deep: [1, { a: null }] }),
        tags: ['x', 'y'],
        metadata: { own: 1 },
      }
      await store.append('b', [tagged, ...identified(2)], { metadata: { by: 'test' } })
      await store.appendAll([
        { streamId: 'c', events: counted(2) },
        { streamId: 'b', events: [tagged], expectedVersion: 3 },
        { streamId: 'c-checked', events: [], expectedVersion: 0 },
        { streamId: 'a', events: counted(1) },
      ])
      const recordedAt = new Date('2020-02-03T04:05:06.789Z')
      const source = [
        { ...tagged, streamId: 'old', recordedAt },
        ...counted(2).map((event) => ({ ...event, streamId: 'old' })),
        { ...eventOfType('Late'), streamId: 'old', recordedAt },
      ]
      await store.import(source, { name: 'import', clampTimes: true })
      assert.equal(given.length, 11)
      assert.deepEqual(given, await logOf(store))
    },
  },
  {
    group,
    name: 'passes no event of a call to a projection when the first or the last stream is refused',
    async run({ open }) {
      const given: string[] = []
      const watching = projection({
        name: 'watching',
        async handle(events: readonly RecordedEvent[], tx: HandlerTransaction) {
          given.push(...events.map(({ streamId, position }) => `${streamId} at ${position}`))
          await tx.documents('notes').put('seen', given.length)
        },
      })
      const counting = projection({
        name: 'counting',
        key: ({ streamId }: RecordedEvent) => streamId,
        initialState: () => 0,
        evolve: (count: number) => count + 1,
      })
      const store = await open({ inline: [watching, counting] })
      const taken = identified(1)
      const { position } = await store.append('old', taken)
      const fine = { streamId: 'fine', events: counted(2) }
      const late = { streamId: 'old', events: counted(1), expectedVersion: 5 }
      const again = { streamId: 'again', events: taken }
      for (const bad of [late, { ...late, events: [] }]) {
        for (const appends of [
          [fine, bad],
          [bad, fine],
        ]) {
          await refused(store.appendAll(appends), 'wrong-expected-version', { actual: 1, expected: 5 })
        }
      }
      for (const appends of [
        [fine, again],
        [again, fine],
      ]) {
        await refused(store.appendAll(appends), 'duplicate-event-id', { streamId: 'old' })
      }
      assert.deepEqual(given, [`old at ${position}`])
      assert.equal((await store.view('notes').get('seen'))?.revision, 1)
      const documents = await collect(store.view(counting).list())
      assert.deepEqual(
        documents.map(({ key, state }) => [key, state]),
        [['old', 1]],
      )
    },
  },
  foldsInTheOrderOfTheLog(1),
  foldsInTheOrderOfTheLog(4),
  {
    group,
    name: 'keeps documents with the same key apart, also when one projection name begins like another',
    async run({ open }) {
      const counting = (name: string, by: number) =>
        projection({
          name,
          key: () => 'same',
          initialState: () => 0,
          evolve: (count: number) => count + by,
        })
      const projections = [counting('a', 1), counting('ab', 10), counting('a b', 100)]
      const store = await open({ inline: projections })
      await store.append('s', counted(3))
      await store.append('s', counted(1))
      for (const [index, one] of projections.entries()) {
        const documents = await collect(store.view(one).list())
        assert.deepEqual(
          documents.map(({ state }) => state),
          [4 * 10 ** index],
        )
      }
    },
  },
  {
    group,
    name: 'shows nothing to other callers before the append is done',
    async run({ open }) {
      const { waiting, entered, end } = waitingProjection()
      const store = await open({ inline: [waiting] })
      const appending = store.append('s', counted(1))
      await entered.released
      let isReleased = false
      const reading = Promise.all([
        store.readStream('s'),
        logOf(store),
        store.streamInfo('s'),
        store.view('notes').get('written'),
      ]).then((answers) => ({ answers, wasReleased: isReleased }))
      // A store with one connection answers only after the append, and then shows its events.
      await Promise.race([reading, sleep(100)])
      isReleased = true
      end.release()
      const { answers, wasReleased } = await reading
      const [slice, log, info, note] = answers
      if (!wasReleased) {
        const seen = { exists: slice.exists, version: slice.version, log, info, note }
        assert.deepEqual(seen, { exists: false, version: 0, log: [], info: undefined, note: undefined })
      }
      await appending
      assert.equal((await store.readStream('s')).version, 1)
      assert.equal((await store.view('notes').get('written'))?.state, true)
    },
  },
  {
    group,
    name: "lets no stream be created between the check of 'noStream' and the end of the append",
    async run({ open }) {
      const { waiting, entered, end } = waitingProjection()
      const store = await open({ inline: [waiting] })
      const appending = store.append('s', counted(1), { expectedVersion: 'noStream' })
      await entered.released
      const creating = store.createStream('s', { metadata: { made: 'by hand' } })
      // Waits until the store has begun to create the stream, or waits for the append to end.
      await Promise.race([creating.catch(() => {}), sleep(50)])
      end.release()
      const [appended, created] = await Promise.allSettled([appending, creating])
      const { version } = await store.readStream('s')
      if (appended.status === 'fulfilled') {
        assert.ok(created.status === 'rejected', 'both calls have found no stream')
        assert.ok(hasCode(created.reason, 'stream-already-exists'))
        assert.equal(version, 1)
      } else {
        assert.ok(hasCode(appended.reason, 'wrong-expected-version'))
        assert.equal(created.status, 'fulfilled')
        assert.equal(version, 0)
      }
    },
  },
  {
    group,
    name: 'shows a handle function what it has written, also for several documents at once',
    async run({ open }) {
      const tables = projection({
        name: 'tables',
        async handle(events: readonly RecordedEvent[], tx: HandlerTransaction) {
          const sums = tx.documents<number>('sums')
          const keys = ['a', 'b', 'c']
          for (const _ of events) {
            const before = await Promise.all(keys.map(async (key) => (await sums.get(key)) ?? 0))
            await Promise.all(keys.map((key, index) => sums.put(key, (before[index] ?? 0) + index + 1)))
          }
          await sums.put('d', 1)
          assert.equal(await sums.get('d'), 1)
          await sums.delete('d')
          assert.equal(await sums.get('d'), undefined)
        },
      })
      const store = await open({ inline: [tables] })
      await store.append('s', counted(2))
      await store.append('t', counted(3))
      const documents = await collect(store.view<number>('sums').list())
      assert.deepEqual(
        documents.map(({ key, state }) => [key, state]),
        [
          ['a', 5],
          ['b', 10],
          ['c', 15],
        ],
      )
    },
  },
  {
    group,
    name: 'refuses writes with a transaction that is over, committed or rolled back',
    async run({ open }) {
      let kept: HandlerTransaction | undefined
      const keeping = projection({
        name: 'keeping',
        async handle(events: readonly RecordedEvent[], tx: HandlerTransaction) {
          kept = tx
          await tx.documents('notes').put('during', events.length)
          if (events.some(({ type }) => type === 'Refused')) throw new Error('on purpose')
        },
      })
      const store = await open({ inline: [keeping] })
      await store.append('s', counted(1))
      assert.ok((await failure(async () => kept?.documents('notes').put('after', 1))) instanceof Error)
      await assert.rejects(store.append('s', [...counted(1), eventOfType('Refused')]), /on purpose/)
      assert.ok((await failure(async () => kept?.documents('notes').put('after', 2))) instanceof Error)
      const notes = await collect(store.view('notes').list())
      assert.deepEqual(
        notes.map(({ key, state }) => [key, state]),
        [['during', 1]],
      )
    },
  },
  {
    group,
    name: 'calls a handle function in the AsyncLocalStorage context of the caller whose events it gets',
    async run({ open }) {
      // The fault: appends that share a transaction run in the context of one of them, and a driver may call back in
      // none.
      const request = new AsyncLocalStorage<string>()
      const seen: (readonly [streamId: string, request: string | undefined, later: string | undefined])[] = []
      const traced = projection({
        name: 'traced',
        async handle(events: readonly RecordedEvent[], tx: HandlerTransaction) {
          const before = request.getStore()
          for (const { streamId } of events) {
            await tx.documents('traces').put(streamId, { by: request.getStore() ?? null })
            seen.push([streamId, before, request.getStore()])
          }
        },
      })
      const store = await open({ inline: [traced] })
      await allAtOnce(20, (caller) =>
        request.run(`request ${caller}`, () => store.append(`stream ${caller}`, counted(2))),
      )
      await request.run('request all', () =>
        store.appendAll([
          { streamId: 'stream all', events: counted(1) },
          { streamId: 'stream all too', events: counted(1) },
        ]),
      )
      await request.run('request import', () =>
        store.import([{ ...counted(1)[0], type: 'T', data: 1, streamId: 'stream import' }], { name: 'n' }),
      )
      for (const [streamId, before, later] of seen) {
        const expected = streamId.replace('stream', 'request').replace(' too', '')
        assert.deepEqual([before, later], [expected, expected], streamId)
      }
      // A store that retries a transaction calls the function again.
      assert.equal(new Set(seen.map(([streamId]) => streamId)).size, 23)
    },
  },
]
