/**
 * Cases of `commandHandler` on a store: it loads, decides and appends, and retries after a conflict with another
 * append.
 */
import assert from 'node:assert/strict'
import { type Decider, decider } from '../command/decider.ts'
import { foldStream } from '../command/fold-stream.ts'
import type { Metadata } from '../event.ts'
import type { EventStore } from '../store.ts'
import { onEachHandler } from './caching.ts'
import type { ConformanceCase } from './case.ts'
import { counted, everything, logOf, range, streamOf } from './events.ts'
import { allAtOnce, failure, refused } from './expect.ts'

const group = 'commands'

type Moved = { type: 'Deposited' | 'Withdrawn'; data: { amount: number } }
type Named = { type: 'Named'; data: { text: string } }
export class Overdrawn extends Error {}

interface Transfer {
  readonly deposit?: number
  readonly withdraw?: number
}

/** A decider for an account that may not be overdrawn. */
export const account: Decider<{ balance: number; moves: number }, Transfer, Moved> = decider({
  initialState: () => ({ balance: 0, moves: 0 }),
  decide({ deposit = 0, withdraw = 0 }: Transfer, { balance }): Moved[] {
    if (balance + deposit < withdraw) throw new Overdrawn(`${balance + deposit} is less than ${withdraw}`)
    const events: Moved[] = [
      { type: 'Deposited', data: { amount: deposit } },
      { type: 'Withdrawn', data: { amount: withdraw } },
    ]
    return events.filter(({ data }) => data.amount > 0)
  },
  evolve({ balance, moves }, { type, data }) {
    return { balance: balance + (type === 'Deposited' ? data.amount : -data.amount), moves: moves + 1 }
  },
})

/** A decider whose state joins all texts, and is undefined after the text 'gone'. */
const namedFrom = (initial: string | undefined) =>
  decider({
    initialState: () => initial,
    decide: (text: string): Named => ({ type: 'Named', data: { text } }),
    evolve: (state, { data: { text } }) => (text === 'gone' ? undefined : `${state}, ${text}`),
  })

export const handleCases: readonly ConformanceCase[] = onEachHandler((handlerOf) => {
  const accountOf = (store: EventStore, retries?: number) =>
    handlerOf({ store, decider: account, streamId: (id) => `account-${id}`, retries })

  return [
    {
      group,
      name: 'decides a command on the present stream, and appends its events',
      async run({ open }) {
        const store = await open()
        const handle = accountOf(store)
        const first = await handle('1', { deposit: 10 })
        assert.deepEqual(first.state, { balance: 10, moves: 1 })
        assert.equal(first.version, 1)
        const second = await handle('1', { deposit: 5, withdraw: 12 })
        assert.deepEqual(second.state, { balance: 3, moves: 3 })
        assert.equal(second.version, 3)
        assert.equal(second.deduplicated, false)
        const events = await streamOf(store, 'account-1')
        assert.deepEqual([...first.events, ...second.events], events)
        assert.equal(second.position, events.at(-1)?.position)
        const { state, version, exists } = await foldStream(store, 'account-1', account)
        assert.deepEqual({ state, version, exists }, { state: second.state, version: 3, exists: true })
      },
    },
    {
      group,
      name: 'appends nothing for a command that decides nothing',
      async run({ open }) {
        const store = await open()
        const handle = accountOf(store)
        const nothing = {
          state: { balance: 0, moves: 0 },
          version: 0,
          events: [],
          position: 0,
          deduplicated: false,
        }
        assert.deepEqual(await handle('1', {}), nothing)
        assert.equal(await store.streamInfo('account-1'), undefined)
        const { position } = await handle('1', { deposit: 1 })
        const again = await handle('1', {})
        assert.deepEqual(again, { ...nothing, state: { balance: 1, moves: 1 }, version: 1, position })
      },
    },
    {
      group,
      name: 'throws the error of a refused command unchanged, and writes nothing',
      async run({ open }) {
        const store = await open()
        const handle = accountOf(store)
        await handle('1', { deposit: 1 })
        const before = await everything(store)
        assert.ok((await failure(handle('1', { withdraw: 2 }))) instanceof Overdrawn)
        const reason = { not: 'an error' }
        const odd = handlerOf({ store, decider: { ...account, decide: () => Promise.reject(reason) } })
        assert.equal(await failure(odd('account-1', {})), reason)
        assert.deepEqual(await everything(store), before)
      },
    },
    {
      group,
      name: 'accepts an asynchronous decision of one event',
      async run({ open }) {
        const store = await open()
        const patient = handlerOf({
          store,
          decider: {
            ...account,
            async decide(amount: number): Promise<Moved> {
              await new Promise(setImmediate)
              return { type: 'Deposited', data: { amount } }
            },
          },
        })
        await patient('a', 3)
        assert.deepEqual((await patient('a', 4)).state, { balance: 7, moves: 2 })
      },
    },
    {
      group,
      name: 'decides again when another append came first',
      async run({ open }) {
        const store = await open()
        const seen: number[] = []
        let disturbances = 2
        const handle = handlerOf({
          store,
          decider: {
            ...account,
            async decide(_: string, { balance }): Promise<Moved> {
              seen.push(balance)
              if (disturbances-- > 0) await store.append('a', [{ type: 'Deposited', data: { amount: 10 } }])
              return { type: 'Withdrawn', data: { amount: balance } }
            },
          },
        })
        const { state, version } = await handle('a', 'withdraw all')
        assert.deepEqual(seen, [0, 10, 20])
        assert.deepEqual(state, { balance: 0, moves: 3 })
        assert.equal(version, 3)
      },
    },
    {
      group,
      name: 'decides the commands of 8 concurrent callers each on the present stream, and loses none',
      async run({ open }) {
        const store = await open()
        const handle = accountOf(store, 100)
        await handle('1', { deposit: 5 })
        const outcomes = await Promise.allSettled(range(1, 8).map(() => handle('1', { withdraw: 1 })))
        const refusals = outcomes.filter((outcome) => outcome.status === 'rejected')
        assert.equal(refusals.length, 3)
        assert.ok(refusals.every(({ reason }) => reason instanceof Overdrawn))
        assert.deepEqual((await foldStream(store, 'account-1', account)).state, { balance: 0, moves: 6 })
        await allAtOnce(8, (caller) => handle('2', { deposit: 2 ** caller }))
        assert.deepEqual((await foldStream(store, 'account-2', account)).state, { balance: 255, moves: 8 })
      },
    },
    {
      group,
      name: 'fails when other appends came first in all its retries',
      async run({ open }) {
        const store = await open()
        let decisions = 0
        const handle = handlerOf({
          store,
          retries: 2,
          decider: {
            ...account,
            async decide(): Promise<Moved> {
              decisions++
              await store.append('a', [{ type: 'Deposited', data: { amount: 1 } }])
              return { type: 'Deposited', data: { amount: 1 } }
            },
          },
        })
        await refused(handle('a', {}), 'command-overtaken', { streamId: 'a', decisions: 3, actual: 3 })
        assert.equal(decisions, 3)
      },
    },
    {
      group,
      name: 'does not retry when the caller names an expected version',
      async run({ open }) {
        const store = await open()
        const handle = accountOf(store)
        await handle('1', { deposit: 1 }, { expectedVersion: 'noStream' })
        await handle('1', { deposit: 1 }, { expectedVersion: 1 })
        await handle('1', { deposit: 1 }, { expectedVersion: 'streamExists' })
        const facts = { streamId: 'account-1', expected: 2, actual: 3 }
        await refused(handle('1', { deposit: 1 }, { expectedVersion: 2 }), 'wrong-expected-version', facts)
        const fresh = handle('1', { deposit: 1 }, { expectedVersion: 'noStream' })
        await refused(fresh, 'wrong-expected-version', { expected: 'noStream', actual: 3 })
        let decisions = 0
        const disturbed = () =>
          handlerOf({
            store,
            decider: {
              ...account,
              async decide(): Promise<Moved> {
                decisions++
                await store.append('account-1', counted(1))
                return { type: 'Deposited', data: { amount: 1 } }
              },
            },
          })
        const late = disturbed()('account-1', {}, { expectedVersion: 3 })
        await refused(late, 'wrong-expected-version', { expected: 3, actual: 4 })
        assert.equal(decisions, 1)
        const handledAny = await disturbed()('account-1', {}, { expectedVersion: 'any' })
        assert.equal(handledAny.version, 6)
        assert.deepEqual(handledAny.events, (await streamOf(store, 'account-1')).slice(5))
        assert.equal(handledAny.deduplicated, false)
        assert.deepEqual(handledAny.state, (await foldStream(store, 'account-1', account)).state)
      },
    },
    {
      group,
      name: 'writes correlationId and causationId into the metadata of events, unless the caller gives them',
      async run({ open }) {
        const store = await open()
        const handle = accountOf(store)
        const metadata = { userId: 'u', correlationId: 'given' }
        await handle('1', { deposit: 2, withdraw: 1 })
        await handle('1', { deposit: 1 }, { commandId: 'c-1', metadata })
        await handle('1', { deposit: 1 }, { commandId: 'c-2' })
        const [first, second, third, fourth] = (await streamOf(store, 'account-1')).map(
          (event) => event.metadata,
        )
        assert.equal(typeof first?.correlationId, 'string')
        assert.deepEqual(first, { correlationId: first?.correlationId, causationId: first?.correlationId })
        assert.deepEqual(second, first)
        assert.deepEqual(third, { ...metadata, causationId: 'c-1' })
        assert.deepEqual(fourth, { correlationId: 'c-2', causationId: 'c-2' })
      },
    },
    {
      group,
      name: 'accepts undefined as a state if it is the initial state too',
      async run({ open }) {
        const store = await open()
        const decider = namedFrom(undefined)
        const handle = handlerOf({ store, decider })
        const states = []
        for (const text of ['gone', 'here', 'gone', 'back']) states.push((await handle('a', text)).state)
        assert.deepEqual(states, [undefined, 'undefined, here', undefined, 'undefined, back'])
        assert.equal((await foldStream(store, 'a', decider, { toVersion: 3 })).state, undefined)
      },
    },
    {
      group,
      name: 'fails on an event for which evolve returns undefined, and appends nothing after it',
      async run({ open }) {
        const store = await open()
        const decider = namedFrom('new')
        const handle = handlerOf({ store, decider })
        assert.equal((await handle('a', 'here')).state, 'new, here')
        const facts = { eventType: 'Named', streamId: 'a', version: 2 }
        // The command itself has recorded the event.
        await refused(handle('a', 'gone'), 'undefined-state', facts)
        const before = await everything(store)
        assert.equal((await streamOf(store, 'a')).length, 2)
        for (const options of [
          {},
          { commandId: 'x' },
          { expectedVersion: 2 },
          { expectedVersion: 'any' },
        ] as const) {
          await refused(handle('a', 'back', options), 'undefined-state', facts)
        }
        await refused(foldStream(store, 'a', decider), 'undefined-state', facts)
        assert.deepEqual(await everything(store), before)
        assert.equal((await foldStream(store, 'a', decider, { toVersion: 1 })).state, 'new, here')
        // Another caller has recorded the event.
        await handle('b', 'here')
        await store.append('b', [{ type: 'Named', data: { text: 'gone' } }])
        await refused(handle('b', 'back'), 'undefined-state', { ...facts, streamId: 'b' })
        assert.equal((await streamOf(store, 'b')).length, 2)
      },
    },
    {
      group,
      name: 'returns the events of a command exactly as the store has recorded them',
      async run({ open }) {
        const store = await open()
        const id = '0190A5B2-0000-7000-8000-00000000ABCD'
        const odd = {
          amount: -0,
          note: undefined,
          list: [-0, { ['__proto__']: 1, a: undefined }],
          empty: null,
        }
        const data = { ...odd, ['__proto__']: odd }
        const handle = handlerOf({
          store,
          decider: {
            initialState: () => 0,
            decide: () => ({
              type: 'Odd',
              data,
              id,
              tags: ['t'],
              metadata: { a: -0, b: undefined, userId: 'own' },
            }),
            evolve: (state: number) => state + 1,
          },
        })
        const { events } = await handle('a', undefined, { metadata: { userId: 'of the call', shop: 1 } })
        assert.deepEqual(events, await logOf(store))
        const metadata: Metadata = events[0]?.metadata ?? {}
        assert.deepEqual([metadata.userId, metadata.shop], ['own', 1])
      },
    },
  ]
})
