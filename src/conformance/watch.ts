/** Cases of live views: a watch yields the present state of documents, and then each change. */
import assert from 'node:assert/strict'
import { projection } from '../projection/projection.ts'
import type { DocumentChange, PrefixChange } from '../projection/view-document.ts'
import { balances, closed, deposit, transfer } from './balances.ts'
import type { ConformanceCase } from './case.ts'
import { eventOfType, range } from './events.ts'
import { allAtOnce } from './expect.ts'
import { watched } from './watched.ts'

const group = 'live views'

type Balance = { readonly balance: number; readonly movements: number }

/** The facts of a change that do not depend on the store. */
function factsOf({ key, state, revision, reset }: DocumentChange<Balance>) {
  return { key, balance: state?.balance, revision, reset }
}

function snapshotOf(change: PrefixChange<Balance>): Record<string, number> {
  assert.ok(change.reset)
  return Object.fromEntries(change.documents.map(({ key, state }) => [key, state.balance]))
}

export const watchCases: readonly ConformanceCase[] = [
  {
    group,
    name: 'yields the present state of a document, then its state after each change, and its deletion',
    async run({ open }) {
      const store = await open({ inline: [balances] })
      const first = await store.append('s', [deposit('a', 1), deposit('b', 7)])
      const { next, end } = watched(store.view(balances).watch('a'))
      const present = await next()
      assert.deepEqual(factsOf(present), { key: 'a', balance: 1, revision: 1, reset: true })
      assert.equal(present.position, first.position)
      for (const amount of [2, 3]) {
        const { position } = await store.append('s', [deposit('a', amount)])
        await store.append('s', [deposit('b', 1)])
        const change = await next()
        const balance = amount === 2 ? 3 : 6
        assert.deepEqual(factsOf(change), { key: 'a', balance, revision: amount, reset: false })
        assert.deepEqual([change.position, change.generation], [position, present.generation])
      }
      await store.append('s', [closed('a')])
      assert.deepEqual(factsOf(await next()), { key: 'a', balance: undefined, revision: 0, reset: false })
      await store.append('s', [deposit('a', 9)])
      assert.deepEqual(factsOf(await next()), { key: 'a', balance: 9, revision: 1, reset: false })
      await end()
    },
  },
  {
    group,
    name: 'watches a document that does not exist yet, also while the log has no event',
    async run({ open }) {
      const store = await open({ inline: [balances] })
      const { next, end } = watched(store.view(balances).watch('a'))
      const present = await next()
      assert.deepEqual(factsOf(present), { key: 'a', balance: undefined, revision: 0, reset: true })
      assert.equal(present.position, 0)
      await store.append('s', [deposit('a', 1)])
      // The projection was registered by the first append, so this may be a reset.
      const { key, balance } = factsOf(await next())
      assert.deepEqual({ key, balance }, { key: 'a', balance: 1 })
      await end()
    },
  },
  {
    group,
    name: 'yields a snapshot of a prefix, then the changes of its documents, several for one event',
    async run({ open }) {
      const store = await open({ inline: [balances] })
      await store.append('s', [deposit('a-1', 10), deposit('a-2', 20), deposit('b', 30)])
      const view = store.view(balances)
      const some = watched(view.watch({ prefix: 'a-' }))
      const all = watched(view.watch({ prefix: '' }))
      assert.deepEqual(snapshotOf(await some.next()), { 'a-1': 10, 'a-2': 20 })
      assert.deepEqual(snapshotOf(await all.next()), { 'a-1': 10, 'a-2': 20, b: 30 })
      const { position } = await store.append('s', [transfer('a-2', 'a-1', 5)])
      await store.append('s', [transfer('b', 'a-3', 1)])
      const shown = new Map<string, number | undefined>()
      for (const _ of range(1, 3)) {
        const change = await some.next()
        assert.ok(!change.reset)
        if (shown.size < 2) assert.equal(change.position, position)
        shown.set(change.key, change.state?.balance)
      }
      assert.deepEqual(Object.fromEntries(shown), { 'a-1': 15, 'a-2': 15, 'a-3': 1 })
      await all.until((change) => !change.reset && change.key === 'b' && change.state?.balance === 29)
      await some.end()
      await all.end()
    },
  },
  {
    group,
    name: 'yields nothing for an event whose key is undefined, and follows a key of many',
    async run({ open }) {
      const counts = projection({
        name: 'counts',
        events: ['Seen'],
        key: ({ data }) => (data as { keys?: string[] }).keys,
        initialState: () => 0,
        evolve: (count) => count + 1,
      })
      const store = await open({ inline: [counts] })
      await store.append('s', [eventOfType('Seen', { keys: ['x'] })])
      const { next, end } = watched(store.view(counts).watch('x'))
      assert.equal((await next()).state, 1)
      await store.append('s', [eventOfType('Seen', {})])
      await store.append('s', [eventOfType('Seen', { keys: [] })])
      await store.append('s', [eventOfType('Other', { keys: ['x'] })])
      const { position } = await store.append('s', [eventOfType('Seen', { keys: ['w', 'x', 'x'] })])
      const change = await next()
      assert.deepEqual([change.state, change.revision, change.position], [2, 2, position])
      await end()
    },
  },
  {
    group,
    name: 'yields a change of an async projection once the document contains it, also after a pause of the projection',
    async run({ open }) {
      const store = await open()
      const running = store.subscribe({ projection: balances })
      await store.append('s', [deposit('a', 1)])
      await running.caughtUp()
      const view = store.view(balances)
      const { next, until, end } = watched(view.watch('a'))
      assert.equal((await next()).state?.balance, 1)
      const { position } = await store.append('s', [deposit('a', 1)])
      assert.equal((await until((change) => change.position >= position)).state?.balance, 2)
      await running.stop()
      const last = await store.append('s', [deposit('a', 1)])
      // The present state does not wait for the projection.
      const late = watched(view.watch('a'))
      const present = await late.next()
      assert.equal(present.state?.balance, 2)
      assert.ok(present.position < last.position)
      const again = store.subscribe({ projection: balances })
      for (const watch of [{ until, end }, late]) {
        assert.equal((await watch.until((change) => change.position >= last.position)).state?.balance, 3)
        await watch.end()
      }
      await again.stop()
    },
  },
  {
    group,
    name: 'yields the newest state to many watches, whichever documents they watch and whenever they begin',
    async run({ open }) {
      const store = await open({ inline: [balances] })
      const keys = range(1, 10).map((number) => `k-${number}`)
      const view = store.view(balances)
      const last = async (key: string) => {
        const { until, end } = watched(view.watch(key))
        let revision = 0
        await until((change) => {
          assert.ok(change.revision >= revision, `revision ${change.revision} came after ${revision}`)
          revision = change.revision
          return change.state?.movements === 12
        })
        await end()
      }
      const watches: Promise<void>[] = []
      for (const round of range(1, 12)) {
        await allAtOnce(4, (writer) =>
          store.append(
            `s-${writer}`,
            keys.filter((_, nth) => nth % 4 === writer).map((key) => deposit(key, round)),
          ),
        )
        for (const key of keys) watches.push(last(key))
      }
      await Promise.all(watches)
    },
  },
  {
    group,
    name: 'gives a slow caller the newest state of each document, and a snapshot after more than 256 documents',
    async run({ open }) {
      const store = await open({ inline: [balances] })
      const { next, end } = watched(store.view(balances).watch({ prefix: 'k' }))
      assert.deepEqual(snapshotOf(await next()), {})
      const appendTo = async (count: number) => {
        for (let from = 1; from <= count; from += 50) {
          const some = range(from, Math.min(count, from + 49))
          await store.append(
            's',
            some.map((number) => deposit(`k${number}`, 1)),
          )
        }
      }
      const fast = watched(store.view(balances).watch('last'))
      await fast.next()
      const settle = async () => {
        const { position } = await store.append('s', [deposit('last', 1)])
        await fast.until((change) => change.position >= position)
      }
      await appendTo(3)
      await appendTo(3)
      await settle()
      const balancesOfThree = new Map<string, number | undefined>()
      while (balancesOfThree.size < 3) {
        const change = await next()
        if (change.reset) for (const one of change.documents) balancesOfThree.set(one.key, one.state.balance)
        else balancesOfThree.set(change.key, change.state?.balance)
      }
      assert.deepEqual([...balancesOfThree.values()], [2, 2, 2])
      await appendTo(300)
      await settle()
      const change = await next()
      assert.equal(Object.keys(snapshotOf(change)).length, 300)
      await end()
      await fast.end()
    },
  },
  {
    group,
    name: 'yields what another store on the same data appends',
    needs: ['shared-data'],
    async run({ open }) {
      const [store, other] = [await open({ inline: [balances] }), await open({ inline: [balances] })]
      await other.append('s', [deposit('a', 1)])
      const { next, end } = watched(store.view(balances).watch('a'))
      assert.equal((await next()).state?.balance, 1)
      await other.append('s', [deposit('a', 1)])
      assert.equal((await next()).state?.balance, 2)
      await end()
    },
  },
]
