/** Cases of how live views end, and of what they refuse. */
import assert from 'node:assert/strict'
import { projection } from '../projection/projection.ts'
import { balances, deposit } from './balances.ts'
import type { ConformanceCase } from './case.ts'
import { collect, range } from './events.ts'
import { refused } from './expect.ts'
import { watched } from './watched.ts'

const group = 'live views'

export const watchEndCases: readonly ConformanceCase[] = [
  {
    group,
    name: 'ends at once when the caller aborts, leaves the loop or ends the reader, also while it waits',
    async run({ open }) {
      const store = await open({ inline: [balances] })
      await store.append('s', [deposit('a', 1)])
      const view = store.view(balances)
      const controller = new AbortController()
      const aborted = watched(view.watch('a', { signal: controller.signal }))
      await aborted.next()
      const waiting = aborted.next()
      controller.abort(new Error('given up'))
      await assert.rejects(waiting, /given up/)
      await assert.rejects(collect(view.watch('a', { signal: controller.signal })), /given up/)
      for await (const { state } of view.watch('a')) {
        assert.equal(state?.balance, 1)
        break
      }
      const reader = view.watch('a')[Symbol.asyncIterator]()
      await reader.next()
      const pending = reader.next()
      await reader.return?.()
      assert.equal((await pending).done, true)
      // A watch that ends before its first state.
      const early = view.watch('a')[Symbol.asyncIterator]()
      const never = early.next()
      await early.return?.()
      await never
    },
  },
  {
    group,
    name: 'ends all watches when the store is closed',
    async run({ open }) {
      const store = await open({ inline: [balances] })
      await store.append('s', [deposit('a', 1)])
      const view = store.view(balances)
      const watches = range(1, 3).map(() => watched(view.watch('a')))
      for (const { next } of watches) await next()
      const waiting = watches.map(({ next }) => next())
      const ends = Promise.all(waiting.map((one) => refused(one, 'store-closed')))
      await store.close()
      await ends
      await refused(collect(view.watch('a')), 'store-closed')
    },
  },
  {
    group,
    name: 'ends a watch with the error of the function key, and serves the next watch',
    async run({ open }) {
      let isBroken = false
      const broken = projection({
        name: 'broken',
        key({ data }) {
          if (isBroken) throw new Error('no key today')
          return (data as { key: string }).key
        },
        initialState: () => 0,
        evolve: (count) => count + 1,
      })
      const store = await open()
      const running = store.subscribe({ projection: broken })
      await store.append('s', [{ type: 'A', data: { key: 'a' } }])
      await running.caughtUp()
      await running.stop()
      const first = watched(store.view(broken).watch('a'))
      assert.equal((await first.next()).state, 1)
      isBroken = true
      const failing = assert.rejects(first.next(), /no key today/)
      await store.append('s', [{ type: 'A', data: { key: 'a' } }])
      await failing
      isBroken = false
      const second = watched(store.view(broken).watch('a'))
      assert.equal((await second.next()).state, 1)
      await second.end()
      // A projection that parks the event goes on. A watch that resumes before it must do so too.
      isBroken = true
      const parking = store.subscribe({ projection: broken, onError: { action: 'park', retries: 0 } })
      await parking.caughtUp()
      const third = watched(store.view(broken).watch('a', { after: 1 }))
      const { state, reset } = await third.next()
      assert.deepEqual([state, reset], [1, true])
      await third.end()
    },
  },
  {
    group,
    name: 'refuses to watch collections and raw projections, and refuses wrong input',
    async run({ open }) {
      const store = await open()
      const field = 'projection'
      await refused(() => store.view('written by hand').watch('a'), 'invalid-input', { field })
      const raw = projection({ name: 'raw', handle() {} })
      await refused(() => store.view(raw as never).watch('a'), 'invalid-input', { field })
      const view = store.view(balances)
      await refused(() => view.watch(''), 'invalid-input', { field: 'keys' })
      await refused(() => view.watch(undefined as never), 'invalid-input', { field: 'keys' })
      await refused(() => view.watch({} as never), 'invalid-input', { field: 'keys' })
      await refused(() => view.watch({ prefix: 'a\0' }), 'invalid-input', { field: 'keys.prefix' })
      await refused(() => view.watch('a', { after: -1 }), 'invalid-input', { field: 'after' })
      await refused(() => view.watch('a', { generation: 0.5 }), 'invalid-input', { field: 'generation' })
      await refused(() => view.watch('a', { signal: {} as never }), 'invalid-input', { field: 'signal' })
    },
  },
]
