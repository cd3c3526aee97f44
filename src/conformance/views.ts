/** Cases of views: the store returns documents by key, by prefix, in order, and as copies. */
import assert from 'node:assert/strict'
import { balances, deposit } from './balances.ts'
import type { ConformanceCase } from './case.ts'
import { collect, range } from './events.ts'
import { allAtOnce, refused } from './expect.ts'

const group = 'views'

export const viewCases: readonly ConformanceCase[] = [
  {
    group,
    name: 'lists documents in code point order, by prefix, after a key, up to a limit',
    async run({ open }) {
      const store = await open({ inline: [balances] })
      const keys = ['b', 'a2', 'a10', 'a', '\u{ffff}', '\u{1f600}', 'A', 'a%', 'a_', 'ab']
      await store.append(
        's',
        keys.map((key) => deposit(key, 1)),
      )
      const view = store.view(balances)
      const listed = async (options = {}) => (await collect(view.list(options))).map(({ key }) => key)
      const sorted = ['A', 'a', 'a%', 'a10', 'a2', 'a_', 'ab', 'b', '\u{ffff}', '\u{1f600}']
      assert.deepEqual(await listed(), sorted)
      assert.deepEqual(await listed({ prefix: 'a' }), ['a', 'a%', 'a10', 'a2', 'a_', 'ab'])
      assert.deepEqual(await listed({ prefix: 'a%' }), ['a%'])
      assert.deepEqual(await listed({ prefix: 'a', after: 'a10', limit: 2 }), ['a2', 'a_'])
      assert.deepEqual(await listed({ prefix: 'nothing' }), [])
      assert.deepEqual(await listed({ after: '\u{1f600}' }), [])
    },
  },
  {
    group,
    name: 'lists 1,203 documents in pages, each once',
    async run({ open }) {
      const store = await open({ inline: [balances] })
      await allAtOnce(401, (call) =>
        store.append(
          `s${call}`,
          range(3 * call + 1, 3 * call + 3).map((number) => deposit(`k${number}`, number)),
        ),
      )
      const documents = await collect(store.view(balances).list())
      assert.equal(new Set(documents.map(({ key }) => key)).size, 1_203)
      for (const { key, state } of documents) assert.equal(key, `k${state.balance}`)
    },
  },
  {
    group,
    name: 'returns copies, so that a reader who changes a state changes no document',
    async run({ open }) {
      const store = await open({ inline: [balances] })
      await store.append('s', [deposit('a', 1)])
      const mine = await store.view(balances).get('a')
      Object.assign(mine?.state ?? {}, { balance: 99 })
      assert.equal((await store.view(balances).get('a'))?.state.balance, 1)
      await store.append('s', [deposit('a', 1)])
      assert.equal((await store.view(balances).get('a'))?.state.balance, 2)
    },
  },
  {
    group,
    name: 'returns nothing where no document was written, and refuses wrong input',
    async run({ open }) {
      const store = await open()
      assert.equal(await store.view('nothing').get('a'), undefined)
      assert.deepEqual(await collect(store.view('nothing').list()), [])
      await refused(() => store.view(''), 'invalid-input')
      const view = store.view('nothing')
      await refused(view.get(''), 'invalid-input', { field: 'key' })
      await refused(view.get('a', { atLeast: -1 }), 'invalid-input', { field: 'atLeast' })
      await refused(view.get('a', { timeout: 0.5 }), 'invalid-input', { field: 'timeout' })
      await refused(() => view.list({ limit: 0 }), 'invalid-input', { field: 'limit' })
      await refused(() => view.list({ prefix: 'a\0' }), 'invalid-input', { field: 'prefix' })
      const aborted = AbortSignal.abort(new Error('given up'))
      await assert.rejects(view.get('a', { signal: aborted }), /given up/)
      await assert.rejects(collect(view.list({ signal: aborted })), /given up/)
      await store.close()
      await refused(view.get('a'), 'store-closed')
      await refused(collect(view.list()), 'store-closed')
    },
  },
]
