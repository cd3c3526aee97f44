/** Cases of deciders, projections and subscriptions that a catalogue has made. */
import assert from 'node:assert/strict'
import type { Catalogue } from '../catalogue/catalogue.ts'
import { defineEvents, mergeEvents, payload } from '../catalogue/define-events.ts'
import type { StandardSchema } from '../catalogue/standard-schema.ts'
import { commandHandler } from '../command/command-handler.ts'
import { foldStream } from '../command/fold-stream.ts'
import { inPlace } from '../command/in-place.ts'
import { hasCode } from '../errors/index.ts'
import type { Event } from '../event.ts'
import type { EventStore } from '../store.ts'
import { uuidv7 } from '../uuid.ts'
import type { ConformanceCase } from './case.ts'
import { collect } from './events.ts'
import { refused } from './expect.ts'

const group = 'made by a catalogue'

/** A schema of `{ amount, currency? }` that adds the default currency, and counts its calls. */
function deposits() {
  const counter = { calls: 0 }
  const schema: StandardSchema<{ amount: number; currency?: string }> = {
    '~standard': {
      version: 1,
      vendor: 'conformance',
      validate(value) {
        counter.calls++
        const { amount, currency = 'EUR' } = value as { amount: unknown; currency?: string }
        if (typeof amount !== 'number') return { issues: [{ message: 'must be a number', path: ['amount'] }] }
        return { value: { amount, currency } }
      },
    },
  }
  return { schema, counter }
}

function accounts() {
  const { schema, counter } = deposits()
  const upcasts = { Put: 'Deposited', Noted: {} } as const
  const events = defineEvents({ Deposited: schema, Closed: payload<{ reason: string }>() }, { upcasts })
  return { events, counter }
}
type AccountEvents = ReturnType<typeof accounts>['events']

const accountOf = (events: AccountEvents) =>
  events.decider({
    initialState: () => ({ total: 0, currencies: [] as string[], isClosed: false }),
    commands: {
      deposit: (amount: number, { isClosed }) =>
        isClosed ? undefined : { type: 'Deposited', data: { amount } },
      close: (_data: undefined, { isClosed }) =>
        isClosed ? undefined : { type: 'Closed', data: { reason: 'done' } },
    },
    evolve: {
      Deposited: (state, { amount, currency = 'none' }) => ({
        ...state,
        total: state.total + amount,
        currencies: [...state.currencies, currency],
      }),
      Closed: (state) => ({ ...state, isClosed: true }),
    },
  })

const totalsOf = (events: AccountEvents) =>
  events.pick('Deposited').projection({
    name: 'totals',
    key: ({ streamId }) => streamId,
    initialState: () => ({ total: 0 }),
    evolve: { Deposited: ({ total }, { amount }) => ({ total: total + amount }) },
  })

/** Opens a store with the catalogue, and records two events as an older release has stored them. */
async function openOld(open: (options: { events: Catalogue }) => Promise<EventStore>, events: Catalogue) {
  const store = await open({ events })
  const [recordedAt, streamId] = [new Date(0), 'a']
  const stored = [
    { id: uuidv7(), streamId, type: 'Noted', data: {}, recordedAt },
    { id: uuidv7(), streamId, type: 'Put', data: { amount: 1, currency: 'USD' }, recordedAt },
  ]
  await store.import(stored, { shape: 'stored' })
  return store
}

/** Asserts that the store runs nothing that the catalogue has made, and names the reason. */
async function refusesAll(store: EventStore, events: AccountEvents, received: string): Promise<void> {
  const [decider, totals] = [accountOf(events), totalsOf(events)]
  const subscription = events.subscription({ name: 'mailer', handle() {} })
  const raw = events.rawProjection({ name: 'raw', handle() {} })
  const refusals = [
    await refused(() => commandHandler({ store, decider }), 'invalid-input', { field: 'decider' }),
    await refused(foldStream(store, 'a', decider), 'invalid-input', { field: 'evolution' }),
    await refused(() => store.subscribe(subscription), 'invalid-input', { field: 'subscription' }),
    await refused(() => store.subscribe({ ...subscription, from: 'end' }), 'invalid-input'),
    await refused(store.runOnce(subscription), 'invalid-input', { field: 'subscription' }),
    await refused(() => store.subscribe({ projection: raw }), 'invalid-input', { field: 'projection' }),
    await refused(store.runOnce({ projection: { ...totals, version: 2 } }), 'invalid-input'),
    await refused(store.rebuild(totals), 'invalid-input', { field: 'projection' }),
    await refused(store.verify(totals), 'invalid-input', { field: 'projection' }),
  ]
  for (const { message } of refusals) {
    assert.match(message, /needs the events of its catalogue: open the store with/)
    assert.ok(message.includes(received), message)
  }
}

export const catalogueMadeCases: readonly ConformanceCase[] = [
  {
    group,
    name: 'handles commands by their names, on the events of today, with and without a cache',
    async run({ open }) {
      const { events } = accounts()
      const store = await openOld(open, events)
      for (const cacheSize of [0, 10]) {
        const handle = commandHandler({ store, decider: accountOf(events), cacheSize })
        const { state, version } = await handle('a', { type: 'deposit', data: 2 })
        assert.deepEqual(
          [state.total, state.currencies.slice(0, 2)],
          [cacheSize === 0 ? 3 : 5, ['USD', 'EUR']],
        )
        assert.equal(version, cacheSize === 0 ? 3 : 4)
        const unknown = { type: 'toString' } as never
        const { message } = await refused(handle('a', unknown), 'invalid-input', { field: 'command.type' })
        assert.match(message, /must be 'deposit' or 'close'/)
        await refused(handle('a', undefined as never), 'invalid-input', { field: 'command' })
      }
      const handle = commandHandler({ store, decider: accountOf(events), cacheSize: 10 })
      assert.equal((await handle('a', { type: 'close' })).state.isClosed, true)
      assert.deepEqual((await handle('a', { type: 'close' })).events, [])
      assert.equal((await foldStream(store, 'a', accountOf(events))).state.total, 5)
    },
  },
  {
    group,
    name: 'validates decided events once, and folds, returns and stores the data that the schema returns',
    async run({ open }) {
      const { events, counter } = accounts()
      const store = await open({ events })
      for (const cacheSize of [0, 10]) {
        const stream = `cached-${cacheSize}`
        const handle = commandHandler({ store, decider: accountOf(events), cacheSize })
        const before = counter.calls
        const { state, events: decided } = await handle(stream, { type: 'deposit', data: 1 })
        assert.equal(counter.calls, before + 1)
        assert.deepEqual(state, { total: 1, currencies: ['EUR'], isClosed: false })
        assert.deepEqual(decided[0]?.data, { amount: 1, currency: 'EUR' })
        assert.deepEqual((await store.readStream(stream)).events, decided)
      }
    },
  },
  {
    group,
    name: 'validates the events of a decider that no catalogue has made, too',
    async run({ open }) {
      const { events } = accounts()
      const store = await open({ events })
      const decider = {
        initialState: (): unknown[] => [],
        decide: (data: unknown): Event => ({ type: 'Deposited', data }),
        evolve: (state: unknown[], { data }: Event) => [...state, data],
      }
      const handle = commandHandler({ store, decider })
      assert.deepEqual((await handle('a', { amount: 1 })).state, [{ amount: 1, currency: 'EUR' }])
    },
  },
  {
    group,
    name: 'refuses a command whose events do not fit the catalogue, and writes nothing',
    async run({ open }) {
      const { events } = accounts()
      const store = await open({ events })
      for (const cacheSize of [0, 10]) {
        const handle = commandHandler({ store, decider: accountOf(events), cacheSize })
        const stream = `cached-${cacheSize}`
        await handle(stream, { type: 'deposit', data: 1 })
        const { issues } = await refused(
          handle(stream, { type: 'deposit', data: 'x' as never }),
          'invalid-event',
        )
        assert.deepEqual(issues, [{ path: ['events', 0, 'data', 'amount'], message: 'must be a number' }])
        // The stream has another state than the cache, and the present state allows no deposit.
        await store.append(stream, [{ type: 'Closed', data: { reason: 'elsewhere' } }])
        assert.deepEqual((await handle(stream, { type: 'deposit', data: 'x' as never })).events, [])
        assert.equal((await store.readStream(stream)).version, 2)
      }
    },
  },
  {
    group,
    name: 'refuses data that a schema makes and JSON cannot carry',
    async run({ open }) {
      const schema: StandardSchema = {
        '~standard': { version: 1, vendor: 'conformance', validate: () => ({ value: { at: new Date(0) } }) },
      }
      const events = defineEvents({ Dated: schema })
      const store = await open({ events })
      const decider = events.decider({
        initialState: () => 0,
        decide: (_command: 'date') => ({ type: 'Dated', data: {} }),
        evolve: (count) => count + 1,
      })
      const handle = commandHandler({ store, decider })
      await refused(handle('a', 'date'), 'invalid-input', { field: 'events[0].data.at' })
      assert.equal((await store.readStream('a')).exists, false)
    },
  },
  {
    group,
    name: 'fold in place with one function for each type',
    async run({ open }) {
      const { events } = accounts()
      const store = await open({ events })
      const decider = events.decider({
        initialState: () => ({ amounts: [] as number[] }),
        decide: (amount: number) => ({ type: 'Deposited', data: { amount } }),
        evolve: {
          Deposited: inPlace((state, { amount }) => {
            state.amounts.push(amount)
          }),
          Closed: inPlace((state) => {
            state.amounts.length = 0
          }),
        },
      })
      const handle = commandHandler({ store, decider, cacheSize: 10 })
      const first = await handle('a', 1)
      const second = await handle('a', 2)
      assert.deepEqual([first.state.amounts, second.state.amounts], [[1], [1, 2]])
      await store.append('a', [{ type: 'Closed', data: { reason: 'done' } }])
      assert.deepEqual((await handle('a', 3)).state.amounts, [3])
    },
  },
  {
    group,
    name: 'project the events of today inline, as a subscription, and in a rebuild',
    async run({ open }) {
      const { events } = accounts()
      const totals = totalsOf(events)
      const subscribed = { ...totals, name: 'subscribed' }
      const store = await openOld((options) => open({ ...options, inline: [totals] }), events)
      await store.append('a', [{ type: 'Deposited', data: { amount: 2 } }])
      await store.append('b', [{ type: 'Closed', data: { reason: 'done' } }])
      await store.runOnce({ projection: subscribed })
      for (const projection of [totals, subscribed]) {
        assert.deepEqual((await store.view(projection).get('a'))?.state, { total: 3 })
        assert.equal(await store.view(projection).get('b'), undefined)
        assert.equal((await store.rebuild(projection)).events, 2)
        assert.deepEqual((await store.view(projection).get('a'))?.state, { total: 3 })
        assert.equal((await store.verify(projection)).ok, true)
      }
    },
  },
  {
    group,
    name: 'pass subscriptions and raw projections the picked events of today',
    async run({ open }) {
      const { events } = accounts()
      const handled: unknown[] = []
      const written: unknown[] = []
      const picked = events.pick('Deposited')
      const raw = picked.rawProjection({
        name: 'raw',
        handle: (list, tx) => {
          written.push(...list.map(({ data }) => data))
          return tx.documents<number>('written').put('count', written.length)
        },
      })
      const store = await openOld(open, events)
      await store.append('a', [{ type: 'Deposited', data: { amount: 2 } }])
      await store.append('a', [{ type: 'Closed', data: { reason: 'done' } }])
      const subscription = picked.subscription({
        name: 'handled',
        handle: ({ data }) => void handled.push(data),
      })
      await store.runOnce(subscription)
      await store.runOnce({ projection: raw })
      const deposited = [
        { amount: 1, currency: 'USD' },
        { amount: 2, currency: 'EUR' },
      ]
      assert.deepEqual([handled, written], [deposited, deposited])
      assert.equal((await store.view<number>('written').get('count'))?.state, 2)
    },
  },
  {
    group,
    name: 'run on no store without a catalogue',
    async run({ open }) {
      await refusesAll(await open(), accounts().events, 'a store without a catalogue')
    },
  },
  {
    group,
    name: 'of a whole catalogue need no new version when it gets an event, and pass over no event that they do not know',
    needs: ['shared-data'],
    async run({ open }) {
      const guests = defineEvents({ Arrived: payload<{ guest: string }>() })
      const [former, later] = [
        defineEvents({ Reserved: payload<{ night: string }>() }),
        defineEvents({ Reserved: payload<{ night: string }>(), Released: payload<{ night: string }>() }),
      ]
      const before = await open({ events: mergeEvents(former, guests) })
      const after = await open({ events: mergeEvents(later, guests) })
      const handled: unknown[] = []
      const handle = ({ type }: Event) => void handled.push(type)
      const nights = {
        name: 'nights',
        key: ({ streamId }: { readonly streamId: string }) => streamId,
        initialState: () => [] as string[],
        evolve: (types: readonly string[], { type }: Event) => [...types, type],
      }
      await before.append('a', [{ type: 'Arrived', data: { guest: 'Ada' } }])
      await before.append('a', [{ type: 'Reserved', data: { night: 'mo' } }])
      await before.runOnce(former.subscription({ name: 'mailer', handle }))
      await before.runOnce({ projection: former.projection(nights) })
      await after.append('a', [{ type: 'Released', data: { night: 'mo' } }])
      const mailer = former.subscription({ name: 'mailer', handle })
      const { cause } = await refused(before.runOnce(mailer), 'subscription-failed')
      assert.ok(hasCode(cause, 'unreadable-event') && cause.needsNewerProcess)
      assert.deepEqual(handled, ['Reserved'])
      await after.runOnce(later.subscription({ name: 'mailer', handle }))
      await after.runOnce({ projection: later.projection(nights) })
      assert.deepEqual(handled, ['Reserved', 'Released'])
      assert.deepEqual((await after.view(later.projection(nights)).get('a'))?.state, handled)
      assert.equal((await after.rebuild(later.projection(nights))).events, 3)
      assert.deepEqual((await after.view(later.projection(nights)).get('a'))?.state, handled)
    },
  },
  {
    group,
    name: 'run on no store with another catalogue',
    needs: ['shared-data'],
    async run({ open }) {
      const { events } = accounts()
      const other = defineEvents({ Opened: payload<{ owner: string }>() })
      const lacks = "a store whose catalogue lacks 'Deposited'"
      await refusesAll(await open({ events: defineEvents<Event>() }), events, lacks)
      await refusesAll(await open({ events: other }), events, lacks)
      const defines = "a store whose catalogue defines others named 'Deposited'"
      await refusesAll(await open({ events: accounts().events }), events, defines)
      const inline = [totalsOf(events)]
      await refused(() => open({ inline }), 'invalid-input', { field: 'inline[0]' })
      await refused(() => open({ inline, events: other }), 'invalid-input', { field: 'inline[0]' })
    },
  },
  {
    group,
    name: 'run on a store with their catalogue and others',
    async run({ open }) {
      const { events } = accounts()
      const totals = totalsOf(events)
      const other = defineEvents({ Opened: payload<{ owner: string }>() })
      const store = await open({ inline: [totals], events: mergeEvents(other, events) })
      await commandHandler({ store, decider: accountOf(events) })('a', { type: 'deposit', data: 1 })
      assert.equal((await store.view(totals).get('a'))?.state.total, 1)
      await store.append('a', [{ type: 'Opened', data: { owner: 'b' } }])
      const handled: string[] = []
      const handle = ({ type }: Event) => void handled.push(type)
      await store.runOnce(events.subscription({ name: 'handled', handle }))
      assert.deepEqual(handled, ['Deposited'])
    },
  },
  {
    group,
    name: 'run on any store if only the compiler knows the events of the catalogue',
    async run({ open }) {
      const events = defineEvents<{ type: 'A'; data: { n: number } } | { type: 'B'; data: { s: string } }>()
      const store = await open()
      const decider = events.decider({
        initialState: () => 0,
        decide: (n: number) => [
          { type: 'A', data: { n } },
          { type: 'B', data: { s: 'b' } },
        ],
        evolve: { A: (sum, { n }) => sum + n, B: (sum) => sum },
      })
      assert.equal((await commandHandler({ store, decider })('a', 2)).state, 2)
      const handled: string[] = []
      const handle = ({ type }: Event) => void handled.push(type)
      await store.runOnce(events.subscription({ name: 'all', handle }))
      await store.runOnce(events.pick('B').subscription({ name: 'picked', handle }))
      assert.deepEqual(handled, ['A', 'B', 'B'])
      assert.deepEqual((await collect(store.readAll({ types: ['A'] }))).length, 1)
    },
  },
]
