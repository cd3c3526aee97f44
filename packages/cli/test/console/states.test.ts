/** Folding long streams for a slider: what is folded twice, what is kept, and what a decider may do wrong. */
import { decider, defineEvents, inPlace, memoryStore, payload, type RecordedEvent } from '@eventsourced/core'
import { expect, it } from 'vitest'
import { console } from '../../src/console/console.ts'
import { stateShape } from '../../src/console/shapes/stream.ts'
import { parkedDetailShape } from '../../src/console/shapes/subscription.ts'
import { KeptStates } from '../../src/console/states/kept-states.ts'
import { plainCopy } from '../../src/console/states/plain-copy.ts'
import type { AnyDecider } from '../../src/target/known.ts'
import { ask, pathOf } from './api.ts'

async function storeWith(events: number) {
  const store = memoryStore()
  for (let from = 0; from < events; from += 1_000) {
    const some = Array.from({ length: Math.min(1_000, events - from) }, (_, index) => ({
      type: 'Counted',
      data: { number: from + index + 1 },
    }))
    await store.append('long', some)
  }
  return store
}

const numberOf = (event: RecordedEvent) => (event.data as { number: number }).number
const stateOf = (evolve: AnyDecider['evolve'], initialState: () => unknown): AnyDecider =>
  decider({ initialState, decide: () => undefined, evolve })

it('folds 20,000 events once, and then a few hundred for each step of a slider', async () => {
  const store = await storeWith(20_000)
  let calls = 0
  const sum = stateOf(
    ({ total }, event) => {
      calls++
      return { total: total + numberOf(event) }
    },
    () => ({ total: 0 }),
  )
  const app = console({ store, deciders: { sum }, timeout: 60_000 })
  const at = async (version: number) => {
    calls = 0
    const { state, previous } = await ask(app, stateShape, '/state', { id: 'long', decider: 'sum', version })
    const totals = [version, version - 1].map((last) => ({ total: (last * (last + 1)) / 2 }))
    expect([state, previous]).toEqual(totals)
    return calls
  }
  expect(await at(20_000)).toBe(20_000)
  for (const version of [19_999, 19_998, 10_000, 10_001, 501, 15_000, 20_000]) {
    expect(await at(version)).toBeLessThanOrEqual(501)
  }
  // Below the first kept state, all of the few events are folded.
  expect(await at(3)).toBe(3)
  await app.close()
})

it.each([
  [
    'a decider that folds in place',
    inPlace((state: { numbers: number[] }, event: RecordedEvent) => void state.numbers.push(numberOf(event))),
  ],
  [
    'a decider that changes its state against the rules',
    (state: { numbers: number[] }, event: RecordedEvent) => {
      state.numbers.push(numberOf(event))
      return state
    },
  ],
])('shows the right states of %s, in any order', async (_, evolve) => {
  const app = console({
    store: await storeWith(700),
    deciders: { list: stateOf(evolve as AnyDecider['evolve'], () => ({ numbers: [] })) },
  })
  for (const version of [700, 300, 699, 251, 250, 249, 700, 1]) {
    const { state, previous, changes } = await ask(app, stateShape, '/state', {
      ...{ id: 'long', decider: 'list', version },
    })
    expect([state, previous]).toEqual(
      [version, version - 1].map((length) => ({
        numbers: Array.from({ length }, (_none, index) => index + 1),
      })),
    )
    expect(changes).toEqual([{ path: `/numbers/${version - 1}`, kind: 'added', after: version }])
  }
  await app.close()
})

it('keeps no state that it cannot copy, and folds it from the beginning', async () => {
  class Account {
    #total = 0
    get total() {
      return this.#total
    }
    add(number: number) {
      this.#total += number
      return this
    }
    toJSON() {
      return { total: this.#total }
    }
  }
  const account = stateOf(
    (state: Account, event) => state.add(numberOf(event)),
    () => new Account(),
  )
  const app = console({ store: await storeWith(600), deciders: { account } })
  for (const version of [600, 3, 599]) {
    const { state, previous } = await ask(app, stateShape, '/state', {
      id: 'long',
      decider: 'account',
      version,
    })
    expect([state, previous]).toEqual([
      { total: (version * (version + 1)) / 2 },
      { total: ((version - 1) * version) / 2 },
    ])
  }
  await app.close()
  expect(plainCopy(new Account())).toBeUndefined()
  expect(plainCopy({ map: new Map([[{ a: 1 }, new Set([1n, new Date(0)])]]), f: undefined })).toBeDefined()
  for (const state of [
    () => 1,
    { f: () => 1 },
    [Symbol('s')],
    {
      get a() {
        return 1
      },
    },
    new (class A {})(),
  ]) {
    expect(plainCopy(state)).toBeUndefined()
  }
})

it('names the version and the words of a decider that throws, and shows the versions before it', async () => {
  const store = await storeWith(10)
  const failing = stateOf(
    (state, event) => {
      if (numberOf(event) === 7) throw new RangeError('seven is too many')
      return state
    },
    () => 0,
  )
  const undefinedState = stateOf(
    () => undefined,
    () => 0,
  )
  const noState = stateOf(
    (state) => state,
    () => {
      throw new Error('no beginning')
    },
  )
  const app = console({ store, deciders: { failing, undefinedState, noState } })
  const detailOf = async (name: string, version: number) => {
    const response = await app.request(pathOf('/state', { id: 'long', decider: name, version }))
    const { code, detail } = (await response.json()) as { code: string; detail: string }
    return [response.status, code, detail]
  }
  const failed = [422, 'decider-failed']
  const seven = `The decider 'failing' has failed at version 7 of stream 'long': seven is too many`
  expect(await detailOf('failing', 7)).toEqual([...failed, seven])
  expect(await detailOf('failing', 10)).toEqual([...failed, seven])
  expect((await ask(app, stateShape, '/state', { id: 'long', decider: 'failing', version: 6 })).state).toBe(0)
  expect(await detailOf('undefinedState', 2)).toEqual([...failed, expect.stringContaining('version 1')])
  expect(await detailOf('noState', 0)).toEqual([
    ...failed,
    expect.stringContaining('initial state: no beginning'),
  ])
  await app.close()
})

it('shows an event that the catalogue cannot read as it is stored, and says why the stream cannot be folded', async () => {
  let isBroken = false
  const upcast = (old: object) => {
    // The catalogue has read the event until now, and its next release cannot.
    if (isBroken) throw new Error('cannot read the card 4711')
    return { ...old, currency: 'EUR' }
  }
  const events = defineEvents({ Paid: payload<object>() }, { upcasts: { Paid: { 1: upcast } } })
  const store = memoryStore({ events })
  const stored = { streamId: 'long', type: 'Paid', data: { amount: 1 }, recordedAt: new Date(0) }
  await store.import([{ ...stored, id: '00000000-0000-4000-8000-000000000001' }], { shape: 'stored' })
  await store.append('long', [{ type: 'Paid', data: { amount: 2 } }])
  await store.runOnce({
    name: 'letters',
    onError: { retries: 0, action: 'park' },
    handle() {
      throw new Error('no letter today')
    },
  })
  const last = stateOf(
    (_, event) => event.data,
    () => null,
  )
  const app = console({ store, deciders: { last } })
  const at = { id: 'long', decider: 'last', version: 1 }
  expect((await ask(app, stateShape, '/state', at)).state).toEqual({ amount: 1, currency: 'EUR' })
  const parked = { subscription: 'letters', position: 1 }
  const eventsToday = (await ask(app, parkedDetailShape, '/parked-event', parked)).events
  expect(eventsToday).toMatchObject([{ data: { currency: 'EUR' } }])

  isBroken = true
  const answer = (await (await app.request(pathOf('/state', at))).json()) as { detail: string }
  expect(answer).toMatchObject({ status: 422, code: 'unreadable-event' })
  expect(answer.detail).toContain('Version 1')
  expect(answer.detail).not.toContain('4711')
  for (const [path, query] of [
    ['/stream', { id: 'long' }],
    ['/log', {}],
    ['/parked-event', parked],
  ] as const) {
    const shown = (await (await app.request(pathOf(path, query))).json()) as { events: readonly unknown[] }
    expect(shown.events).toContainEqual(expect.objectContaining({ data: { amount: 1 } }))
  }
  await app.close()
})

it('keeps a bounded number of states, of a bounded size', () => {
  const kept = new KeptStates(100_000)
  const text = 'x'.repeat(1_000)
  for (const stream of ['a', 'b', 'c']) {
    for (let version = 1; version <= 30_000; version++) {
      if (kept.isWanted(stream, 'd', version)) kept.keep(stream, 'd', { version, eventId: '', state: text })
    }
  }
  // The states of `c` take all of the place. They are further apart than they would be alone.
  expect(kept.before('a', 'd', 30_000)).toBeUndefined()
  const last = kept.before('c', 'd', 30_000)?.version ?? 0
  expect(last).toBeGreaterThan(28_000)
  // A state that is too large is not kept, and pushes nothing out.
  kept.keep('huge', 'd', { version: 500, eventId: '', state: text.repeat(200) })
  expect([kept.before('huge', 'd', 500), kept.before('c', 'd', 30_000)?.version]).toEqual([undefined, last])
})
