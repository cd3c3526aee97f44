/** Cases of live views that resume, and of documents that a rebuild replaces. */
import assert from 'node:assert/strict'
import type { RecordedEvent } from '../event.ts'
import { type DocumentProjection, projection } from '../projection/projection.ts'
import type { WatchOptions } from '../projection/view.ts'
import type { PrefixChange } from '../projection/view-document.ts'
import { balances, balancesOf, deposit, type Movement, transfer } from './balances.ts'
import type { ConformanceCase } from './case.ts'
import { range } from './events.ts'
import { refused } from './expect.ts'
import { watched } from './watched.ts'

const group = 'live views'

export const watchAgainCases: readonly ConformanceCase[] = [
  {
    group,
    name: 'resumes after a position with what has changed since, and with nothing else',
    async run({ open }) {
      const store = await open({ inline: [balances] })
      await store.append('s', [deposit('a', 1), deposit('b', 1)])
      const view = store.view(balances)
      const first = watched(view.watch('a'))
      const { position, generation } = await first.next()
      await first.end()
      // Nothing has changed: the watch waits for the next change.
      const quiet = watched(view.watch('a', { after: position, generation }))
      const pending = quiet.next()
      const { position: changedAt } = await store.append('s', [deposit('a', 1)])
      for (const change of [await pending, await watched(view.watch('a', { after: position })).next()]) {
        const { state, reset } = change
        assert.deepEqual([state?.balance, reset, change.position], [2, false, changedAt])
      }
      await quiet.end()
    },
  },
  {
    group,
    name: 'misses no change when a watch of a prefix ends and resumes again and again, and never goes back',
    async run({ open }) {
      const store = await open({ inline: [balances] })
      const keys = range(1, 6).map((number) => `k-${number}`)
      await store.append(
        's',
        keys.map((key) => deposit(key, 100)),
      )
      const view = store.view(balances)
      const shown = new Map<string, number | undefined>()
      let resume: WatchOptions = {}
      const take = (change: PrefixChange<{ balance: number }>) => {
        assert.ok(change.position >= (resume.after ?? 0), 'a position went back')
        if (change.reset) {
          shown.clear()
          for (const { key, state } of change.documents) shown.set(key, state.balance)
        } else shown.set(change.key, change.state?.balance)
        resume = { after: change.position, generation: change.generation }
      }
      let isWriting = true
      const writing = (async () => {
        for (const round of range(1, 40)) {
          const [from, to] = [keys[round % 6] as string, keys[(round * 5 + 1) % 6] as string]
          await store.append('s', [transfer(from, to, round)])
        }
        isWriting = false
      })()
      for (let count = 1; isWriting; count = (count % 3) + 1) {
        let left = count
        const giveUp = new AbortController()
        const timer = setTimeout(() => giveUp.abort(), 50)
        try {
          for await (const change of view.watch({ prefix: 'k-' }, { ...resume, signal: giveUp.signal })) {
            take(change)
            if (--left === 0) break
          }
        } catch (error) {
          if (!giveUp.signal.aborted) throw error
        }
        clearTimeout(timer)
      }
      await writing
      const wanted = await balancesOf(store)
      const { next, end } = watched(view.watch({ prefix: 'k-' }, resume))
      const isComplete = () => keys.every((key) => shown.get(key) === wanted[key])
      while (!isComplete()) take(await next())
      await end()
    },
  },
  {
    group,
    name: 'begins with the present state if a watch resumes too far back, and refuses a position after the log',
    async run({ open }) {
      const store = await open({ inline: [balances] })
      for (const part of range(0, 5)) {
        const keys = range(1, 50).map((number) => `k-${part * 50 + number}`)
        await store.append(
          's',
          keys.map((key) => deposit(key, 1)),
        )
      }
      const view = store.view(balances)
      const { next, end } = watched(view.watch({ prefix: 'k-' }, { after: 1 }))
      const change = await next()
      assert.ok(change.reset)
      assert.equal(change.documents.length, 300)
      await end()
      const beyond = watched(view.watch('k-1', { after: change.position + 1_000 }))
      await refused(beyond.next(), 'log-truncated', { after: change.position + 1_000 })
    },
  },
  {
    group,
    name: 'yields a reset after a rebuild, and when the projection is dropped',
    async run({ open }) {
      const store = await open()
      const running = store.subscribe({ projection: balances })
      const { position } = await store.append('s', [deposit('a', 1), deposit('b', 2)])
      await running.caughtUp()
      const view = store.view(balances)
      const [one, some] = [watched(view.watch('a')), watched(view.watch({ prefix: '' }))]
      const before = await one.next()
      await some.next()
      await running.stop()
      await store.rebuild(balances)
      const after = await one.next()
      assert.deepEqual([after.reset, after.state?.balance], [true, 1])
      assert.ok(after.generation > before.generation)
      const snapshot = await some.next()
      assert.ok(snapshot.reset)
      assert.deepEqual([snapshot.documents.length, snapshot.generation], [2, after.generation])
      // A watch of before the rebuild begins again, because a rebuild may change documents without an event.
      const again = watched(view.watch('a', { after: position, generation: before.generation }))
      assert.equal((await again.next()).reset, true)
      await again.end()
      await store.dropProjection('balances')
      const gone = await one.next()
      assert.deepEqual([gone.reset, gone.state, gone.revision], [true, undefined, 0])
      const empty = await some.next()
      assert.ok(empty.reset && empty.documents.length === 0)
      await one.end()
      await some.end()
    },
  },
  {
    group,
    name: 'yields the present state once the projection has handled an event that it had parked',
    async run({ open }) {
      let isBroken = true
      const mendable = projection({
        name: 'mendable',
        events: ['Deposited'],
        key: ({ data }: RecordedEvent<Movement & { type: 'Deposited' }>) => data.account,
        initialState: () => 0,
        evolve(sum: number, { data: { amount } }) {
          if (isBroken && amount === 2) throw new Error('not today')
          return sum + amount
        },
      })
      const store = await open()
      const running = store.subscribe({ projection: mendable, onError: { action: 'park', retries: 0 } })
      const view = store.view(mendable)
      const early = watched(view.watch('a'))
      await early.next()
      await store.append('s', [deposit('a', 1)])
      await early.until(({ state }) => state === 1)
      const { position } = await store.append('t', [deposit('a', 2)])
      await running.caughtUp()
      // It begins while the event is parked already.
      const late = watched(view.watch({ prefix: '' }))
      const first = await late.next()
      assert.ok(first.reset)
      assert.equal(first.documents[0]?.state, 1)
      isBroken = false
      await store.parked('mendable').retry(position)
      const change = await early.until(({ state }) => state === 3)
      assert.equal(change.reset, true)
      const snapshot = await late.next()
      assert.ok(snapshot.reset)
      assert.equal(snapshot.documents[0]?.state, 3)
      // A caller that was away meanwhile gets no stale state either.
      const { generation } = first
      const again = watched(view.watch('a', { after: first.position, generation }))
      assert.equal((await again.next()).state, 3)
      for (const { end } of [early, late, again]) await end()
    },
  },
  {
    group,
    name: 'ends a watch when the documents get another version, because its keys may differ',
    async run({ open }) {
      const store = await open({ inline: [balances] })
      await store.append('s', [deposit('a', 1)])
      const { next } = watched(store.view(balances).watch('a'))
      await next()
      const second: DocumentProjection<{ balance: number; movements: number }, Movement> = projection({
        ...balances,
        version: 2,
      })
      const newer = watched(store.view(second).watch('a'))
      await refused(newer.next(), 'projection-version', { version: 2, registered: 1 })
      await store.rebuild(second)
      await refused(next(), 'projection-version', { version: 1, registered: 2 })
      const { next: nextOfSecond, end } = watched(store.view(second).watch('a'))
      assert.equal((await nextOfSecond()).state?.balance, 1)
      await end()
    },
  },
]
