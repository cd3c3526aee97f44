/** Cases of folding in place: the results are those of a pure `evolve`, and no caller sees a later change. */
import assert from 'node:assert/strict'
import { commandHandler } from '../command/command-handler.ts'
import { decider } from '../command/decider.ts'
import { foldStream } from '../command/fold-stream.ts'
import { inPlace } from '../command/in-place.ts'
import type { RecordedEvent } from '../event.ts'
import { projection } from '../projection/projection.ts'
import type { EventStore } from '../store.ts'
import type { ConformanceCase } from './case.ts'
import { collect, everything, range } from './events.ts'
import { allAtOnce, refused } from './expect.ts'

const group = 'folding in place'

type Listed = { readonly type: 'Listed'; readonly data: { readonly list: string; readonly items: string[] } }
type Lists = Record<string, string[]>

const listed = (list: string, ...items: string[]): Listed => ({ type: 'Listed', data: { list, items } })

/** Keeps the array of an event, and adds to it with a later one. Neither event may change. */
function addItems(lists: Lists, { data }: Listed): undefined {
  const items = lists[data.list]
  if (items === undefined) lists[data.list] = data.items
  else items.push(...data.items)
}
const inPlaceEvolve = inPlace(addItems)
const pureEvolve = (lists: Lists, { data }: Listed): Lists => ({
  ...lists,
  [data.list]: [...(lists[data.list] ?? []), ...data.items],
})
type Evolve = typeof pureEvolve

const initialState = (): Lists => ({})
const listsOf = (evolve: Evolve) =>
  decider({ initialState, decide: (events: readonly Listed[]) => events, evolve })

const viewOf = (name: string, evolve: Evolve) =>
  projection({
    name,
    key: ({ data, streamId }: RecordedEvent<Listed>) => [streamId, `list ${data.list}`],
    initialState,
    evolve,
  })

async function documentsOf(store: EventStore, view: ReturnType<typeof viewOf>) {
  const documents = await collect(store.view(view).list())
  return documents.map(({ key, state }) => ({ key, state }))
}

export const inPlaceCases: readonly ConformanceCase[] = [
  {
    group,
    name: 'gives commands the states of a pure evolve, cached or not, and changes no state that it returned',
    async run({ open }) {
      const store = await open()
      for (const cacheSize of [0, 10]) {
        const handle = commandHandler({ store, decider: listsOf(inPlaceEvolve), cacheSize })
        const stream = `a ${cacheSize}`
        const results = []
        for (const number of range(1, 4)) {
          const events = [listed('x', `x${number}`), listed('x', 'again'), listed(`y${number}`, 'y')]
          const result = await handle(stream, events)
          results.push({ result, copy: structuredClone(result) })
          await store.append(stream, [listed('others', `${number}`)])
        }
        await handle(stream, [])
        for (const { result, copy } of results) {
          assert.deepEqual(result, copy)
          const pure = await foldStream(store, stream, listsOf(pureEvolve), { toVersion: result.version })
          assert.deepEqual(result.state, pure.state)
          const changed = await foldStream(store, stream, listsOf(inPlaceEvolve), {
            toVersion: result.version,
          })
          assert.deepEqual(changed, pure)
        }
      }
    },
  },
  {
    group,
    name: 'decides concurrent commands on one stream on states that no other command changes',
    async run({ open }) {
      const store = await open()
      const { decide, ...evolution } = listsOf(inPlaceEvolve)
      const kept: Lists[] = []
      const copies: Lists[] = []
      const handle = commandHandler({
        store,
        decider: {
          ...evolution,
          decide(events: readonly Listed[], lists: Lists) {
            kept.push(lists)
            copies.push(structuredClone(lists))
            return decide(events, lists)
          },
        },
        cacheSize: 1,
      })
      const results = await allAtOnce(12, (index) =>
        handle('a', [listed('x', `${index}`)], index % 3 === 0 ? { expectedVersion: 'any' } : {}),
      )
      assert.deepEqual(kept, copies)
      for (const { state, version } of results) {
        const pure = await foldStream(store, 'a', listsOf(pureEvolve), { toVersion: version })
        assert.deepEqual(state, pure.state)
      }
      assert.equal((await store.readStream('a')).version, 12)
    },
  },
  {
    group,
    name: 'gives inline and async projections, rebuilds and checks the documents of a pure evolve',
    async run({ open }) {
      const inline = [viewOf('pure', pureEvolve), viewOf('changed', inPlaceEvolve)] as const
      const [pure, changed] = inline
      const store = await open({ inline })
      for (const number of range(1, 3)) {
        await store.append('a', [listed('x', `a${number}`), listed('x', 'more'), listed('y', 'y')])
        await store.append('b', [listed('x', `b${number}`)])
      }
      const expected = await documentsOf(store, pure)
      assert.deepEqual(await documentsOf(store, changed), expected)
      const later = viewOf('later', inPlaceEvolve)
      await store.runOnce({ projection: later })
      assert.deepEqual(await documentsOf(store, later), expected)
      assert.deepEqual((await store.verify(changed)).differences, [])
      await store.rebuild(later)
      assert.deepEqual(await documentsOf(store, later), expected)
    },
  },
  {
    group,
    name: 'refuses a shared initial state before it appends, and a projection with one together with its event',
    async run({ open }) {
      const shared: Lists = {}
      const wrong = { ...listsOf(inPlaceEvolve), initialState: () => shared }
      const view = projection({ ...viewOf('wrong', inPlaceEvolve), initialState: () => shared })
      const store = await open({ inline: [view] })
      const facts = { reason: 'initial-state', part: 'state' } as const
      const before = await everything(store)
      await refused(commandHandler({ store, decider: wrong })('a', [listed('x')]), 'fold-in-place', facts)
      await refused(foldStream(store, 'a', wrong), 'fold-in-place', facts)
      await refused(store.append('a', [listed('x')]), 'fold-in-place', facts)
      assert.deepEqual(await everything(store), before)
    },
  },
  {
    group,
    name: 'drops a half-changed state if the change throws, and folds the recorded event later',
    async run({ open }) {
      const store = await open()
      let fails = false
      const evolve = inPlace((lists: Lists, event: Listed) => {
        addItems(lists, event)
        if (fails) throw new RangeError('half-way')
      })
      const handle = commandHandler({ store, decider: listsOf(evolve), cacheSize: 1 })
      await handle('a', [listed('x', '1')])
      fails = true
      await assert.rejects(handle('a', [listed('x', '2')]), RangeError)
      await assert.rejects(handle('a', [listed('x', '3')]), RangeError)
      fails = false
      assert.deepEqual((await handle('a', [listed('x', '3')])).state, { x: ['1', '2', '3'] })
    },
  },
]
