/** Cases of inline projections: their documents change in the transaction of the append. */
import assert from 'node:assert/strict'
import type { RecordedEvent } from '../event.ts'
import { projection } from '../projection/projection.ts'
import type { EventStore } from '../store.ts'
import { uuidv7 } from '../uuid.ts'
import {
  balanceLimit,
  balances,
  balancesOf,
  closed,
  deposit,
  LimitExceeded,
  transfer,
  viewedBalances,
} from './balances.ts'
import type { ConformanceCase } from './case.ts'
import { collect, counted, eventOfType, everything, logOf, range } from './events.ts'
import { allAtOnce, failure, refused } from './expect.ts'

const group = 'inline projections'

export const inlineCases: readonly ConformanceCase[] = [
  {
    group,
    name: 'has changed the documents when the append returns',
    async run({ open }) {
      const store = await open({ inline: [balances] })
      const first = await store.append('s', [deposit('a', 5), deposit('b', 7)])
      assert.deepEqual(await store.view(balances).get('a'), {
        key: 'a',
        state: { balance: 5, movements: 1 },
        revision: 1,
        position: first.positions[0],
      })
      const second = await store.append('t', [transfer('b', 'a', 2)])
      assert.deepEqual((await store.view(balances).get('b'))?.state, { balance: 5, movements: 2 })
      const { revision, position } = (await store.view(balances).get('a', { atLeast: second.position })) ?? {}
      assert.deepEqual({ revision, position }, { revision: 2, position: second.position })
      assert.equal(await store.view(balances).get('c'), undefined)
    },
  },
  {
    group,
    name: 'deletes a document when evolve returns null, and creates it again with a later event',
    async run({ open }) {
      const store = await open({ inline: [balances] })
      await store.append('s', [deposit('a', 5)])
      await store.append('s', [closed('a')])
      assert.equal(await store.view(balances).get('a'), undefined)
      await store.append('s', [closed('never'), deposit('a', 3), closed('a'), deposit('a', 4)])
      const { state, revision } = (await store.view(balances).get('a')) ?? {}
      assert.deepEqual({ state, revision }, { state: { balance: 4, movements: 1 }, revision: 1 })
      assert.deepEqual(await viewedBalances(store), { a: 4 })
    },
  },
  {
    group,
    name: 'folds only events of the listed types and streams, and only events with a key',
    async run({ open }) {
      const orders = projection({
        name: 'orders',
        events: ['Counted'],
        streamPrefix: 'order-',
        key: ({ streamId, data }: RecordedEvent) =>
          (data as { number: number }).number > 1 ? streamId : undefined,
        initialState: (key) => ({ key, count: 0 }),
        evolve: (state) => ({ ...state, count: state.count + 1 }),
      })
      const keyless = projection({
        name: 'keyless',
        key: () => [],
        initialState: () => 0,
        evolve: (state) => state,
      })
      const store = await open({ inline: [orders, keyless] })
      await store.append('order-1', [...counted(4), eventOfType('Other', { number: 9 })])
      await store.append('other', counted(4))
      const documents = await collect(store.view(orders).list())
      assert.deepEqual(
        documents.map(({ state }) => state),
        [{ key: 'order-1', count: 3 }],
      )
      assert.deepEqual(await collect(store.view(keyless).list()), [])
    },
  },
  {
    group,
    name: 'rolls back the whole append when a projection throws, and rejects with its error unchanged',
    async run({ open }) {
      const thrown = new LimitExceeded('once')
      const picky = projection({
        name: 'picky',
        key: () => 'one',
        initialState: () => 0,
        evolve(state: number, { type }: RecordedEvent) {
          if (type === 'Refused') throw thrown
          return state + 1
        },
      })
      const store = await open({ inline: [balances, picky] })
      await store.append('s', [deposit('a', 1)])
      const before = await everything(store)
      const documents = await collect(store.view(balances).list())
      assert.equal(await failure(store.append('s', [deposit('a', 1), eventOfType('Refused')])), thrown)
      assert.equal(await failure(store.append('new', [eventOfType('Refused')])), thrown)
      assert.equal(
        await failure(
          store.appendAll([
            { streamId: 's', events: [deposit('a', 1)] },
            { streamId: 't', events: [eventOfType('Refused')] },
          ]),
        ),
        thrown,
      )
      assert.deepEqual(await everything(store), before)
      assert.deepEqual(await collect(store.view(balances).list()), documents)
      await store.append('s', [deposit('a', 1)], { expectedVersion: 1 })
    },
  },
  {
    group,
    name: 'changes no document for a conflict or a repeated append',
    async run({ open }) {
      const store = await open({ inline: [balances] })
      const event = { ...deposit('a', 5), id: uuidv7() }
      await store.append('s', [event])
      assert.equal((await store.append('s', [event])).deduplicated, true)
      await refused(store.append('s', [deposit('a', 5)], { expectedVersion: 0 }), 'wrong-expected-version')
      await refused(store.append('t', [event]), 'duplicate-event-id')
      assert.deepEqual(await viewedBalances(store), { a: 5 })
    },
  },
  {
    group,
    name: 'folds the events of all streams of one call',
    async run({ open }) {
      const store = await open({ inline: [balances] })
      await store.appendAll([
        { streamId: 's', events: [deposit('a', 5)] },
        { streamId: 't', events: [transfer('a', 'b', 2)] },
        { streamId: 'u', events: [transfer('b', 'a', 1)] },
      ])
      assert.deepEqual(await viewedBalances(store), { a: 4, b: 1 })
    },
  },
  {
    group,
    name: 'loses no update when many callers append at once, in few documents and in many',
    async run({ open }) {
      const store = await open({ inline: [balances] })
      await allAtOnce(16, async (caller) => {
        for (const call of range(1, 15)) {
          const [from, to] = [`a${(caller + call) % 5}`, `b${(caller * call) % 40}`]
          await store.append(`s${caller % 7}`, [
            deposit('all', 1),
            transfer(from, to, call),
            deposit(from, 2),
          ])
        }
      })
      assert.equal((await viewedBalances(store)).all, 240)
      assert.deepEqual(await viewedBalances(store), await balancesOf(store))
    },
  },
  {
    group,
    name: 'loses no update across stores on the same data, and the stores do not deadlock',
    needs: ['shared-data'],
    async run({ open }) {
      const stores = [await open({ inline: [balances] }), await open({ inline: [balances] })]
      await allAtOnce(12, async (caller) => {
        const store = stores[caller % 2] as EventStore
        for (const call of range(1, 15)) {
          const [a, b] = caller % 4 < 2 ? ['x', 'y'] : ['y', 'x']
          await store.append(`s${caller}`, [transfer(`${a}`, `${b}`, call), deposit(`new-${call}`, 1)])
        }
      })
      const [store] = stores as [EventStore]
      assert.deepEqual(await viewedBalances(store), await balancesOf(store))
      assert.equal((await viewedBalances(store))['new-7'], 12)
    },
  },
  {
    group,
    name: 'fails only the append at fault when a projection throws among many concurrent appends',
    async run({ open }) {
      const store = await open({ inline: [balances] })
      await store.append('warm', [deposit('warm', 1)])
      const outcomes = await allAtOnce(60, async (index) => {
        const amount = index % 7 === 3 ? balanceLimit : 1
        const work = store.append(`s${index % 20}`, [deposit('shared', 1), deposit(`own-${index}`, amount)])
        return work.then(
          () => 'appended',
          (error: unknown) => (error instanceof LimitExceeded ? 'refused' : String(error)),
        )
      })
      assert.deepEqual(
        outcomes,
        outcomes.map((_, index) => (index % 7 === 3 ? 'refused' : 'appended')),
      )
      assert.equal(
        (await viewedBalances(store)).shared,
        outcomes.filter((outcome) => outcome === 'appended').length,
      )
      assert.deepEqual(await viewedBalances(store), await balancesOf(store))
    },
  },
  {
    group,
    name: 'folds imported events, each once',
    async run({ open }) {
      const store = await open({ inline: [balances] })
      const source = range(1, 30).map((number) => ({
        ...deposit(`a${number % 4}`, number),
        streamId: `s${number % 3}`,
      }))
      await store.append('s0', [deposit('a0', 100)])
      await store.import(source, { name: 'import', batchSize: 7 })
      await store.import(source, { name: 'import', batchSize: 11 })
      assert.deepEqual(await viewedBalances(store), await balancesOf(store))
      const faulty = [{ ...deposit('a1', balanceLimit), streamId: 's1' }]
      assert.ok((await failure(store.import(faulty, { name: 'faulty' }))) instanceof LimitExceeded)
      assert.deepEqual(await viewedBalances(store), await balancesOf(store))
    },
  },
  {
    group,
    name: 'refuses a document that is undefined or no JSON, with an error that names it',
    async run({ open }) {
      const results: Record<string, unknown> = { nothing: undefined, nan: Number.NaN, date: new Date() }
      const careless = projection({
        name: 'careless',
        key: ({ data }: RecordedEvent) => (data as { key: string }).key,
        initialState: () => ({}),
        evolve: (_state: unknown, { data }: RecordedEvent) =>
          results[(data as { result: string }).result] as object,
      })
      const store = await open({ inline: [careless] })
      for (const result of Object.keys(results)) {
        const error = await refused(
          store.append('s', [eventOfType('Made', { key: 'k', result })]),
          'invalid-input',
        )
        assert.match(error.message, /'k' of projection 'careless'/)
      }
      assert.deepEqual(await logOf(store), [])
    },
  },
  {
    group,
    name: 'keeps names like __proto__ and constructor as ordinary keys',
    async run({ open }) {
      const store = await open({ inline: [balances] })
      const names = ['__proto__', 'constructor', 'toString', 'é', '\u{1f600}', "quo'te", 'back\\slash', '{"}']
      await store.append(
        's',
        names.map((name) => deposit(name, 1)),
      )
      await store.append(
        's',
        names.map((name) => deposit(name, 2)),
      )
      for (const name of names) assert.equal((await store.view(balances).get(name))?.state.balance, 3)
      assert.equal((await collect(store.view(balances).list())).length, names.length)
    },
  },
  {
    group,
    name: 'commits the documents that a handle function writes, and rolls them back when it throws later',
    async run({ open }) {
      const audit = projection({
        name: 'audit',
        async handle(events: readonly RecordedEvent[], tx) {
          const log = tx.documents<{ count: number }>('audit-log')
          const { count } = (await log.get('events')) ?? { count: 0 }
          await log.put('events', { count: count + events.length })
          await log.put('last', { count: events.at(-1)?.position ?? 0 })
          if (events.some(({ type }) => type === 'Forgotten')) await log.delete('last')
          if (events.some(({ type }) => type === 'Refused')) throw new LimitExceeded('no')
        },
      })
      const store = await open({ inline: [audit] })
      const countOf = async () =>
        (await store.view<{ count: number }>('audit-log').get('events'))?.state.count
      await allAtOnce(10, (index) => store.append(`s${index}`, counted(3)))
      assert.equal(await countOf(), 30)
      assert.ok((await failure(store.append('s', [eventOfType('Refused')]))) instanceof LimitExceeded)
      assert.equal(await countOf(), 30)
      await store.append('s', [eventOfType('Forgotten')])
      assert.equal(await store.view('audit-log').get('last'), undefined)
      assert.equal(await countOf(), 31)
    },
  },
  {
    group,
    name: 'passes recordedAt and version of an event to the key function',
    async run({ open }) {
      const perDay = projection({
        name: 'per-day',
        key: ({ recordedAt, version }: RecordedEvent) => [
          recordedAt.toISOString().slice(0, 10),
          `version ${version}`,
        ],
        initialState: () => 0,
        evolve: (count: number) => count + 1,
      })
      const store = await open({ inline: [perDay] })
      for (const _ of range(1, 3)) await store.append('a', counted(2))
      const documents = await collect(store.view(perDay).list({ prefix: 'version' }))
      assert.deepEqual(
        documents.map(({ key, state }) => [key, state]),
        range(1, 6).map((version) => [`version ${version}`, 1]),
      )
      assert.equal((await store.verify(perDay)).ok, true)
    },
  },
  {
    group,
    name: 'refuses a handle function that writes the documents of another projection',
    async run({ open }) {
      const meddling = projection({
        name: 'meddling',
        events: ['Deposited'],
        async handle(_events: readonly RecordedEvent[], tx) {
          await tx.documents('balances').put('a', { balance: 1_000 })
        },
      })
      const store = await open({ inline: [balances, meddling] })
      await refused(store.append('s', [deposit('a', 1)]), 'invalid-input', { field: 'collection' })
      assert.deepEqual(await viewedBalances(store), {})
    },
  },
  {
    group,
    name: 'refuses two projections of the same name, and options that make no projection',
    async run({ open }) {
      await assert.rejects(async () => open({ inline: [balances, balances] }), /inline must not name/)
      await assert.rejects(async () => open({ inline: balances as never }), /inline must be an array/)
      assert.throws(() => projection({ name: '', handle() {} }), /name/)
      assert.throws(() => projection({ name: 'x', version: 0, handle() {} }), /version/)
      assert.throws(() => projection({ name: 'x', key: () => '', initialState: () => 0 } as never), /evolve/)
      assert.throws(() => projection({ name: 'x', events: [], handle() {} }), /events/)
      const both = { name: 'x', key: () => 'k', initialState: () => 0, evolve: () => 0, handle() {} }
      assert.throws(() => projection(both as never), /handle must not be given with key/)
    },
  },
  ...['before the first append', 'after a refused append'].map(
    (when, attempt): ConformanceCase => ({
      group,
      name: `verifies a projection ${when}`,
      async run({ open }) {
        const store = await open({ inline: [balances] })
        const conflicting = () => store.append('a', [deposit('k', 1)], { expectedVersion: 7 })
        if (attempt === 1) await refused(conflicting, 'wrong-expected-version')
        const { ok, documents } = await store.verify(balances)
        assert.deepEqual({ ok, documents }, { ok: true, documents: 0 })
      },
    }),
  ),
  {
    group,
    name: 'refuses every append while the version of a projection was never built',
    needs: ['shared-data'],
    async run({ open }) {
      const first = await open({ inline: [balances] })
      await first.append('a', [deposit('k', 1)])
      const store = await open({ inline: [{ ...balances, version: 2 }] })
      for (const expectedVersion of [7, 1, 'noStream'] as const) {
        const call = store.append('a', [deposit('k', 1)], { expectedVersion })
        await refused(call, 'projection-version')
      }
      const source = [{ ...deposit('k', 1), streamId: 'a', recordedAt: new Date(0) }]
      await refused(store.import(source, { name: 'n' }), 'projection-version')
      assert.equal((await first.readStream('a')).version, 1)
    },
  },
]
