/** Cases of writing through a catalogue: validation, the form for older processes, and imports. */
import assert from 'node:assert/strict'
import { defineEvents, payload } from '../catalogue/define-events.ts'
import type { EventDefinitions } from '../catalogue/definitions.ts'
import type { StandardSchema } from '../catalogue/standard-schema.ts'
import { commandHandler } from '../command/command-handler.ts'
import { decider } from '../command/decider.ts'
import { pathText } from '../errors/index.ts'
import type { Event } from '../event.ts'
import type { EventStore } from '../store.ts'
import type { ConformanceCase } from './case.ts'
import { hotel, memories, openHotel, plain, todayOf } from './catalogue-hotel.ts'
import { collect, everything, logOf } from './events.ts'
import { refused } from './expect.ts'

const group = 'catalogues: writes'

interface Price {
  readonly amount: number
  readonly currency: string
}

/** A price whose currency is EUR by default. */
const price: StandardSchema<Price> = {
  '~standard': {
    version: 1,
    vendor: 'conformance',
    validate(value) {
      const { amount, currency = 'EUR' } = (value ?? {}) as { amount?: unknown; currency?: unknown }
      const issues = [
        ...(typeof amount === 'number' ? [] : [{ message: 'must be a number', path: ['amount'] }]),
        ...(typeof currency === 'string' ? [] : [{ message: 'must be a text', path: [{ key: 'currency' }] }]),
      ]
      return issues.length > 0 ? { issues } : { value: { amount, currency } as Price }
    },
  },
}

const prices = (): EventDefinitions<Event> =>
  defineEvents({ Priced: price, Noted: payload<{ text: string }>() }, { upcasts: { Costed: 'Priced' } })

/** What makes issues, and the issues. */
const wrong = [
  { type: 'Priced', data: { amount: 'a lot', currency: 7 } },
  { type: 'Priced', data: { amount: 1 } },
  { type: 'Prised', data: { amount: 1 } },
  { type: 'Costed', data: { amount: 1 } },
  { type: 'Priced', data: null },
]
const issues = (path: string) => [
  `${path}[0].data.amount: must be a number`,
  `${path}[0].data.currency: must be a text`,
  `${path}[2].type: 'Prised' is not in the catalogue; did you mean 'Priced'?`,
  `${path}[3].type: 'Costed' is an old name: use 'Priced'`,
  `${path}[4].data.amount: must be a number`,
]

async function refusedWith(work: Promise<unknown>, expected: readonly string[]): Promise<void> {
  const error = await refused(work, 'invalid-event')
  assert.deepEqual(
    error.issues.map(({ path, message }) => `${pathText(path)}: ${message}`),
    expected,
  )
}

const deciding = decider({
  initialState: () => 0,
  decide: (events: readonly Event[]) => events,
  evolve: (count) => count + 1,
})

const stored = async (store: EventStore) =>
  (await collect(store.raw.readAll())).map(({ type, data, metadata }) => ({ type, data, metadata }))

export const catalogueWriteCases: readonly ConformanceCase[] = [
  {
    group,
    name: 'report all issues of all events at once, and write nothing',
    async run({ open }) {
      const store = await open({ events: prices() })
      await store.append('a', [{ type: 'Noted', data: { text: 'before' } }])
      const before = await everything(store)
      await refusedWith(store.append('a', wrong), issues('events'))
      await refusedWith(
        store.appendAll([
          { streamId: 'b', events: [{ type: 'Priced', data: { amount: 1 } }] },
          { streamId: 'a', events: wrong },
        ]),
        issues('appends[1].events'),
      )
      for (const cacheSize of [0, 10]) {
        const handle = commandHandler({ store, decider: deciding, cacheSize })
        await handle('a', [])
        await refusedWith(handle('a', wrong), issues('events'))
        await refusedWith(handle('a', wrong, { commandId: 'c' }), issues('events'))
      }
      assert.deepEqual(await everything(store), before)
    },
  },
  {
    group,
    name: 'store what the schema returns, so that defaults are stored',
    async run({ open }) {
      const store = await open({ events: prices() })
      const given = { type: 'Priced', data: { amount: 1, extra: true } }
      const full = { type: 'Priced', data: { amount: 1, currency: 'EUR' } }
      await store.append('a', [given])
      await store.appendAll([{ streamId: 'a', events: [given] }])
      const handle = commandHandler({ store, decider: deciding, cacheSize: 10 })
      for (const _ of [1, 2]) await handle('a', [given])
      await store.import([{ ...given, streamId: 'a' }], { name: 'i', shape: 'current' })
      assert.deepEqual(plain(await logOf(store)), Array(5).fill(full))
      assert.deepEqual(
        await stored(store).then((all) => all.map(({ data }) => data)),
        Array(5).fill(full.data),
      )
    },
  },
  {
    group,
    name: 'validate the events of a command once, so that the stored data is the data that was folded',
    async run({ open }) {
      const louder: StandardSchema = {
        '~standard': {
          version: 1,
          vendor: 'conformance',
          validate: (value) => ({ value: typeof value === 'string' ? `${value}!` : { loud: value } }),
        },
      }
      const store = await open({ events: defineEvents({ Said: louder }) as EventDefinitions<Event> })
      const hearing = decider({
        initialState: (): readonly unknown[] => [],
        decide: (data: unknown): Event[] => [{ type: 'Said', data }],
        evolve: (state, { data }) => [...state, data],
      })
      const handle = commandHandler({ store, decider: hearing, cacheSize: 10 })
      const told = [...(await handle('a', 'hello')).events, ...(await handle('a', 1)).events]
      const { state } = await handle('a', 'bye')
      assert.deepEqual(state, ['hello!', { loud: 1 }, 'bye!'])
      assert.deepEqual(
        told.map(({ data }) => data),
        state.slice(0, 2),
      )
      assert.deepEqual(
        (await stored(store)).map(({ data }) => data),
        state,
      )
    },
  },
  {
    group,
    name: 'refuse what a broken schema returns or throws, and write nothing',
    async run({ open }) {
      const results: Readonly<Record<string, () => unknown>> = {
        'a thrown error': () => {
          throw new Error('boom')
        },
        nothing: () => undefined,
        'no value': () => ({}),
        'no issue': () => ({ issues: [] }),
        'a text of issues': () => ({ issues: 'wrong' }),
      }
      for (const [name, validate] of Object.entries(results)) {
        const schema = { '~standard': { version: 1, vendor: 'conformance', validate } } as StandardSchema
        const events = defineEvents({ Priced: schema }) as EventDefinitions<Event>
        const store = await open({ events })
        const event = { type: 'Priced', data: {} }
        const { message } = await refused(store.append('a', [event]), 'invalid-input')
        assert.match(message, /the schema of 'Priced' must return/, name)
        const handle = commandHandler({ store, decider: deciding })
        await refused(handle('a', [event]), 'invalid-input')
        await refused(store.import([{ ...event, streamId: 'a' }], { name: 'i' }), 'invalid-input')
        assert.deepEqual(await logOf(store), [])
      }
    },
  },
  {
    group,
    name: 'take events that are named like properties of every object',
    async run({ open }) {
      const names = ['constructor', 'toString', '__proto__', 'hasOwnProperty']
      const schemas = Object.fromEntries(names.map((name) => [name, payload<{ value: number }>()]))
      const past = Object.fromEntries(names.map((name) => [name, { 1: (value: number) => ({ value }) }]))
      const first = defineEvents(schemas) as EventDefinitions<Event>
      const events = defineEvents(schemas, { upcasts: past }) as EventDefinitions<Event>
      const old = names.map((type, value) => ({ type, data: value, streamId: 'a' }))
      const store = await open({ events })
      await store.import(old, { name: 'i', shape: 'stored' })
      await store.append(
        'a',
        names.map((type) => ({ type, data: { value: 9 } })),
      )
      assert.deepEqual(plain(await logOf(store)), [
        ...names.map((type, value) => ({ type, data: { value } })),
        ...names.map((type) => ({ type, data: { value: 9 } })),
      ])
      assert.deepEqual(first.types, names)
    },
  },
  {
    group,
    name: 'refuse a schema that validates asynchronously',
    async run({ open }) {
      const later: StandardSchema<Price> = {
        '~standard': {
          version: 1,
          vendor: 'conformance',
          validate: async (value) => ({ value: value as Price }),
        },
      }
      const store = await open({ events: defineEvents({ Priced: later }) })
      const { message } = await refused(store.append('a', [{ type: 'Priced', data: {} }]), 'invalid-input')
      assert.match(message, /the schema of 'Priced'.* must validate synchronously/)
      assert.deepEqual(await logOf(store), [])
    },
  },
  {
    group,
    name: 'store an event of a later version with its version, and append the same events once',
    async run({ open }) {
      const store = await open({ events: hotel() })
      const [event] = memories.slice(-1).flatMap(({ today }) => today)
      const own = {
        ...(event as Event),
        id: 'b4b3a1b0-0000-4000-8000-000000000001',
        metadata: { userId: 'ann' },
      }
      await store.append('a', [own])
      const again = await store.append('a', [own])
      assert.equal(again.deduplicated, true)
      assert.deepEqual(await stored(store), [
        { type: own.type, data: own.data, metadata: { userId: 'ann', $schemaVersion: 3 } },
      ])
      const [read] = await logOf(store)
      assert.deepEqual([read?.data, read?.metadata], [own.data, { userId: 'ann' }])
    },
  },
  {
    group,
    name: 'write the older name or version while writeAs says so, and read it as the event of today',
    async run({ open }) {
      const events = defineEvents(
        {
          Withdrawn: payload<{ reason: string }>(),
          Priced: payload<Price>(),
        },
        {
          upcasts: {
            Cancelled: 'Withdrawn',
            Priced: {
              1: (amount: number) => ({ amount }),
              2: ({ amount }: { amount: number }) => ({ amount, currency: 'EUR' }),
            },
          },
          writeAs: { Withdrawn: 'Cancelled', Priced: { 2: ({ amount }: Price) => ({ amount }) } },
        },
      )
      const store = await open({ events })
      const today = [
        { type: 'Withdrawn', data: { reason: 'ill' } },
        { type: 'Priced', data: { amount: 9, currency: 'EUR' } },
      ]
      const handle = commandHandler({ store, decider: deciding })
      const { events: caused } = await handle('a', today)
      assert.deepEqual(plain(caused), today)
      await store.appendAll([{ streamId: 'a', events: today }])
      const older = [
        { type: 'Cancelled', data: { reason: 'ill' } },
        { type: 'Priced', data: { amount: 9 } },
      ]
      const raw = await stored(store)
      assert.deepEqual(
        raw.map(({ type, data }) => ({ type, data })),
        [...older, ...older],
      )
      assert.deepEqual(
        raw.map(({ metadata }) => metadata.$schemaVersion),
        [undefined, 2, undefined, 2],
      )
      assert.deepEqual(plain(await logOf(store)), [...today, ...today])
      // EUR is what the older version stands for, so it has no room for another currency.
      const dollars = { type: 'Priced', data: { amount: 9, currency: 'USD' } }
      const error = await refused(store.append('a', [dollars]), 'invalid-event')
      assert.deepEqual(
        error.issues.map(({ path }) => pathText(path)),
        ['events[0].data.currency'],
      )
      assert.match(error.message, /would be read back with another value.* 'Priced' of version 2/)
      assert.equal((await stored(store)).length, 4)
    },
  },
  {
    group,
    name: 'refuse an event whose older form cannot be made, and write nothing',
    async run({ open }) {
      const store = await open({
        events: defineEvents(
          { Priced: payload<Price>() },
          {
            upcasts: { Priced: { 1: (amount: number) => ({ amount, currency: 'EUR' }) } },
            writeAs: {
              Priced: {
                1({ amount }: Price) {
                  if (amount > 8) throw new RangeError('too dear')
                  return amount > 7 ? Promise.resolve(amount) : undefined
                },
              },
            },
          },
        ),
      })
      for (const [amount, problem] of [
        [9, /cannot be written as 'Priced' of version 1: writeAs threw RangeError: too dear/],
        [8, /cannot be written as 'Priced' of version 1: writeAs returned a promise/],
        [7, /cannot be written as 'Priced' of version 1: writeAs returned no data/],
      ] as const) {
        const work = store.append('a', [{ type: 'Priced', data: { amount, currency: 'EUR' } }])
        assert.match((await refused(work, 'invalid-event')).message, problem)
      }
      assert.deepEqual(await logOf(store), [])
    },
  },
  {
    group,
    name: 'import a log as it is stored, or as it is read, with the same result',
    async run(context) {
      const store = await openHotel(context)
      const read = await collect(store.raw.readAll())
      const asStored = read.map(({ id: _, ...event }) => ({ ...event, streamId: 'stored' }))
      await store.import(asStored, { name: 'stored', shape: 'stored' })
      const today = (await logOf(store, { streamPrefix: 'a' })).map(({ id: _, ...event }) => ({
        ...event,
        streamId: 'current',
      }))
      await store.import(today, { name: 'current', shape: 'current' })
      for (const streamId of ['stored', 'current']) {
        assert.deepEqual(plain((await store.readStream(streamId)).events), todayOf(), streamId)
      }
      const bare = async (streamId: string) =>
        (await store.raw.readStream(streamId)).events.map(({ type, data, metadata }) => ({
          type,
          data,
          metadata,
        }))
      assert.deepEqual(await bare('stored'), await bare('a'))
      const versions = (await bare('current')).map(({ type, metadata }) => [type, metadata.$schemaVersion])
      assert.deepEqual(
        versions,
        todayOf().map(({ type }) => [type, type === 'Requested' ? 3 : undefined]),
      )
    },
  },
  {
    group,
    name: 'refuse an import that does not say in which shape its events are, if that makes a difference',
    async run({ open }) {
      const store = await open({ events: hotel() })
      const { stored: old } = memories[0] as (typeof memories)[0]
      const source = [{ streamId: 'a', type: old.type, data: old.data }]
      await refused(store.import(source, { name: 'i' }), 'invalid-input', { field: 'shape' })
      await refused(store.import(source, { name: 'i', shape: 'later' as never }), 'invalid-input', {
        field: 'shape',
      })
      for (const unknown of [
        { streamId: 'a', type: 'Stranger', data: {} },
        { streamId: 'a', type: 'Requested', data: {}, metadata: { $schemaVersion: 4 } },
      ]) {
        await refused(store.import([unknown], { name: 'i', shape: 'stored' }), 'unreadable-event')
      }
      await refusedWith(
        store.import([{ streamId: 'a', type: 'Stranger', data: {} }], { name: 'i', shape: 'current' }),
        ["source[0].type: 'Stranger' is not in the catalogue"],
      )
      assert.deepEqual(await logOf(store), [])
      const certain = [{ streamId: 'a', type: 'Cancelled', data: { reason: 'ill' } }]
      await store.import(certain, { name: 'certain' })
      assert.deepEqual(plain(await logOf(store)), [{ type: 'Withdrawn', data: { reason: 'ill' } }])
    },
  },
  {
    group,
    name: 'refuse to import stored events whose data of today is not valid',
    async run({ open }) {
      const store = await open({ events: prices() })
      const source = [{ streamId: 'a', type: 'Costed', data: { amount: 'a lot' } }]
      await refusedWith(store.import(source, { name: 'i', shape: 'stored' }), [
        'source[0].data.amount: must be a number',
      ])
      assert.deepEqual(await logOf(store), [])
    },
  },
]
