/** Cases of stores that lack an inline projection: none of their events may be missing from its documents for ever. */
import assert from 'node:assert/strict'
import { commandHandler } from '../command/command-handler.ts'
import { decider } from '../command/decider.ts'
import { hasCode } from '../errors/index.ts'
import type { RecordedEvent } from '../event.ts'
import { projection } from '../projection/projection.ts'
import type { EventStore } from '../store.ts'
import { balances, balancesOf, deposit, viewedBalances } from './balances.ts'
import type { ConformanceCase } from './case.ts'
import { counted, eventOfType, logOf } from './events.ts'
import { allAtOnce, refused } from './expect.ts'

const group = 'missing inline projections'

/** Counts the events of each stream. Version 2 also selects the events that version 1 ignores. */
const counts = (version: number) =>
  projection({
    name: 'counts',
    version,
    events: version === 1 ? ['Counted'] : ['Counted', 'Ignored'],
    key: ({ streamId }: RecordedEvent) => streamId,
    initialState: () => 0,
    evolve: (count: number) => count + 1,
  })

/** A raw projection: no rebuild can change its mode. */
const raw = projection({
  name: 'raw',
  events: ['Counted'],
  handle: (events: readonly RecordedEvent[], tx) => tx.documents('notes').put('last', events.length),
})

const refusal = (append: Promise<unknown>, ...projections: string[]) =>
  refused(append, 'missing-inline-projection', { projections })

export const missingInlineCases: readonly ConformanceCase[] = [
  {
    group,
    name: 'refuses every append of a store that was opened without them, and writes nothing',
    needs: ['shared-data'],
    async run({ open }) {
      const [store, plain] = [await open({ inline: [balances, counts(1)] }), await open()]
      await store.append('s', [deposit('a', 1)])
      const before = await logOf(store)
      const every = ['balances', 'counts']
      const error = await refusal(plain.append('s', [deposit('a', 1)]), ...every)
      assert.match(error.message, /'balances' and 'counts'.*inline.*dropProjection/s)
      await refusal(plain.append('new', [eventOfType('Ignored')], { expectedVersion: 'noStream' }), ...every)
      await refusal(plain.appendAll([{ streamId: 's', events: [deposit('a', 1)] }]), ...every)
      await refusal(plain.import([{ ...deposit('a', 1), streamId: 'i' }], { name: 'import' }), ...every)
      await allAtOnce(20, (index) => refusal(plain.append(`t${index}`, [deposit('a', 1)]), ...every))
      const handle = commandHandler({
        store: plain,
        decider: decider({
          initialState: () => 0,
          evolve: (state: number) => state,
          decide: (_command: { type: 'Deposit' }) => [deposit('a', 1)],
        }),
      })
      await refusal(handle('s', { type: 'Deposit' }), ...every)
      const partly = await open({ inline: [counts(1)] })
      await refusal(partly.append('s', [deposit('a', 1)]), 'balances')

      assert.deepEqual(await logOf(store), before)
      assert.equal((await plain.readStream('new')).exists, false)
      assert.equal((await plain.append('s', [])).version, 1)
      assert.deepEqual(await viewedBalances(plain), await balancesOf(store))
    },
  },
  {
    group,
    name: 'refuses an append in the transaction of the user',
    needs: ['shared-data', 'open-transactions'],
    async run({ open, begin }) {
      const store = await open({ inline: [balances] })
      await store.append('s', [deposit('a', 1)])
      const transaction = await begin()
      await refusal(transaction.append('s', [deposit('a', 1)]), 'balances')
      await transaction.rollback()
      assert.deepEqual(await viewedBalances(store), await balancesOf(store))
    },
  },
  {
    group,
    name: 'refuses a store that has appended before the projection became inline',
    async run({ open }) {
      const [plain, builder] = [await open(), await open()]
      await plain.append('s', [deposit('a', 1)])
      await builder.rebuild(balances, { mode: 'async' })
      await plain.append('s', [deposit('a', 1)])
      await builder.rebuild(balances, { mode: 'inline' })
      await refusal(plain.append('s', [deposit('a', 1)]), 'balances')
      await refusal(plain.append('new', counted(1)), 'balances')
      assert.equal((await builder.verify(balances)).ok, true)
    },
  },
  {
    group,
    name: 'loses no event that a store without the projection appends while it becomes inline',
    async run({ open }) {
      const [plain, builder] = [await open(), await open()]
      await plain.append('s', [deposit('a', 1)])
      for (const round of [1, 2]) {
        let isDone = false
        const appending = allAtOnce(4, async (writer) => {
          for (let number = 1; ; number++) {
            const append = plain.append(`s${round}-${writer}-${number}`, [deposit(`a${writer}`, 1)])
            const error = await append.then(
              () => undefined,
              (thrown: unknown) => thrown,
            )
            if (hasCode(error, 'missing-inline-projection')) return number
            if (error !== undefined) throw error
            if (isDone) return 0
            // A store in memory would otherwise leave no time for the rebuild.
            await new Promise((resolve) => setImmediate(resolve))
          }
        })
        await builder.rebuild(balances, { mode: 'inline', batchSize: 50 })
        isDone = true
        const refusedAt = await appending
        assert.ok(
          refusedAt.every((number) => number > 0),
          `an append was made in round ${round}: ${refusedAt}`,
        )
        assert.deepEqual(await viewedBalances(builder), await balancesOf(builder))
        await builder.rebuild(balances, { mode: 'async' })
      }
    },
  },
  {
    group,
    name: 'refuses an older version also for events that only the newer version selects',
    needs: ['shared-data'],
    async run({ open }) {
      const [old, next] = [await open({ inline: [counts(1)] }), await open({ inline: [counts(2)] })]
      await old.append('s', [...counted(1), eventOfType('Ignored')])
      await next.rebuild(counts(2))
      const versions = { projection: 'counts', version: 1, registered: 2 }
      for (const type of ['Ignored', 'Other']) {
        await refused(old.append('s', [eventOfType(type)]), 'projection-version', versions)
        await refused(
          old.import([{ ...eventOfType(type), streamId: 'i' }], { name: 'import' }),
          'projection-version',
          versions,
        )
      }
      await next.append('s', [eventOfType('Ignored')])
      assert.equal((await next.view(counts(2)).get('s'))?.state, 3)
      assert.equal((await next.verify(counts(2))).ok, true)
    },
  },
  {
    group,
    name: 'admits the store again after a rebuild as async',
    needs: ['shared-data'],
    async run({ open }) {
      const [store, plain] = [await open({ inline: [balances] }), await open()]
      await store.append('s', [deposit('a', 1)])
      await refusal(plain.append('s', [deposit('a', 1)]), 'balances')
      await plain.rebuild(balances, { mode: 'async' })
      await plain.append('s', [deposit('a', 1)])
      for (const event of [deposit('a', 1), eventOfType('Ignored')])
        await refused(store.append('s', [event]), 'projection-version')
      await plain.runOnce({ projection: balances })
      assert.deepEqual(await viewedBalances(plain), { a: 2 })
    },
  },
  {
    group,
    name: 'admits the store again after dropProjection, which deletes the documents',
    needs: ['shared-data'],
    async run({ open }) {
      const [store, plain] = [await open({ inline: [balances, raw] }), await open()]
      await store.append('s', [deposit('a', 1), ...counted(2)])
      assert.equal(await plain.dropProjection('balances'), true)
      assert.deepEqual(await viewedBalances(plain), {})
      await refusal(plain.append('s', [deposit('a', 1)]), 'raw')
      assert.equal(await plain.dropProjection('raw'), true)
      assert.equal(await plain.dropProjection('raw'), false)
      await plain.append('s', [deposit('a', 1)])
      await refused(store.append('s', [eventOfType('Ignored')]), 'projection-version', { registered: 0 })
      // What a handle function wrote is the user's own.
      assert.equal((await plain.view('notes').get('last'))?.state, 2)
    },
  },
  {
    group,
    name: 'drops an async projection, and builds it again from the beginning',
    async run({ open }) {
      const store: EventStore = await open()
      await store.append('s', [deposit('a', 1)])
      await store.runOnce({ projection: balances })
      assert.equal(await store.dropProjection('balances'), true)
      assert.equal(await store.dropProjection('never'), false)
      assert.deepEqual(await viewedBalances(store), {})
      await refused(store.verify(balances), 'projection-version', { registered: 0 })
      await store.append('s', [deposit('a', 1)])
      assert.equal((await store.rebuild(balances)).events, 2)
      await store.append('s', [deposit('a', 1)])
      await store.runOnce({ projection: balances })
      assert.deepEqual(await viewedBalances(store), { a: 3 })
    },
  },
]
