/** Appends random movements of money, and checks the documents of inline projections against a fold of the log. */
import assert from 'node:assert/strict'
import { type EventStore, hasCode, projection, type RecordedEvent } from '@eventsourced/core'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, inject, it } from 'vitest'
import type { RunningStore } from './store-under-test.ts'
import { stores } from './stores.ts'

type Movement =
  | { readonly type: 'Deposited'; readonly data: { readonly account: string; readonly amount: number } }
  | {
      readonly type: 'Transferred'
      readonly data: { readonly from: string; readonly to: string; readonly amount: number }
    }
  | { readonly type: 'Closed'; readonly data: { readonly account: string } }

interface Account {
  readonly balance: number
  readonly movements: number
}

const account = fc.constantFrom('a', 'b', 'c', '__proto__')
const amount = fc.integer({ min: 1, max: 100 })
const movement: fc.Arbitrary<Movement> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({ type: fc.constant('Deposited'), data: fc.record({ account, amount }) }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      type: fc.constant('Transferred'),
      data: fc.record({ from: account, to: account, amount }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ type: fc.constant('Closed'), data: fc.record({ account }) }) },
)

const streamId = fc.constantFrom('s-1', 's-2', 't-1')
const append = fc.record({
  streamId,
  events: fc.array(movement, { minLength: 1, maxLength: 5 }),
  expectedVersion: fc.constantFrom('any' as const, 'noStream' as const, 1, 3),
})
const step = fc.record({
  appends: fc.uniqueArray(append, { minLength: 1, maxLength: 3, selector: (one) => one.streamId }),
  /** True: one call of `appendAll`. False: one call of `append` for each, all at once. */
  together: fc.boolean(),
})

class Refused extends Error {}
const limit = 100

/** The account after a movement. The projection and the fold of this test share these rules, and nothing else. */
function moved({ balance, movements }: Account, { type, data }: Movement, key: string): Account | null {
  if (type === 'Closed') return null
  const sign = type === 'Transferred' && data.from === key ? -1 : 1
  return { balance: balance + sign * data.amount, movements: movements + 1 }
}

const accountsOf = ({ type, data }: Movement) =>
  type === 'Transferred' ? [data.from, data.to] : [data.account]

const accounts = projection({
  name: 'accounts',
  key: (event: RecordedEvent<Movement>) => accountsOf(event),
  initialState: (): Account => ({ balance: 0, movements: 0 }),
  evolve(state, event, key) {
    const after = moved(state, event, key)
    if (after !== null && after.balance > limit) throw new Refused(key)
    return after
  },
})

const streams = projection({
  name: 'streams',
  events: ['Deposited', 'Transferred'],
  streamPrefix: 's-',
  key: (event: RecordedEvent<Movement>) => event.streamId,
  initialState: () => ({ last: 0 }),
  evolve: (_state, { position }) => ({ last: position }),
})

async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const collected: T[] = []
  for await (const item of items) collected.push(item)
  return collected
}

/** Returns key, state and position of each document. */
async function documentsOf(store: EventStore, name: string): Promise<unknown[]> {
  const documents = await collect(store.view(name).list())
  return documents.map(({ key, state, position }) => ({ key, state, position }))
}

async function assertIsFold(store: EventStore): Promise<void> {
  const folded = new Map<string, { state: Account; position: number }>()
  const lastOf = new Map<string, number>()
  for (const event of await collect(store.readAll<Movement>())) {
    const { position } = event
    for (const key of new Set(accountsOf(event))) {
      const state = moved(folded.get(key)?.state ?? { balance: 0, movements: 0 }, event, key)
      if (state === null) folded.delete(key)
      else folded.set(key, { state, position })
    }
    if (event.streamId.startsWith('s-') && event.type !== 'Closed') lastOf.set(event.streamId, position)
  }
  const inOrder = <T>(entries: Map<string, T>) => [...entries].sort(([a], [b]) => (a < b ? -1 : 1))
  assert.deepEqual(
    await documentsOf(store, 'accounts'),
    inOrder(folded).map(([key, { state, position }]) => ({ key, state, position })),
  )
  assert.deepEqual(
    await documentsOf(store, 'streams'),
    inOrder(lastOf).map(([key, position]) => ({ key, state: { last: position }, position })),
  )
}

/** A store may refuse an append only because of a conflict, or with the error that the projection threw. */
function assertRefusal(outcome: PromiseSettledResult<unknown>): void {
  if (outcome.status === 'fulfilled') return
  const { reason } = outcome
  assert.ok(hasCode(reason, 'wrong-expected-version') || reason instanceof Refused, String(reason))
}

for (const { name, server, start, ...store } of stores) {
  const missing = store.missing?.()
  describe.skipIf(missing)(missing ? `${name}: ${missing}` : name, () => {
    let running: RunningStore | undefined
    beforeAll(async () => {
      running = await start(server && inject('servers')[server])
    })
    afterAll(() => running?.stop())

    it('after every append, the documents equal a fold of the log', async () => {
      let refusals = 0
      const runSteps = async (steps: readonly { appends: readonly Append[]; together: boolean }[]) => {
        const world = await running?.world()
        if (world === undefined) throw new Error(`${name} did not start`)
        try {
          const store = await world.open({ inline: [accounts, streams] })
          for (const { appends, together } of steps) {
            const calls = together
              ? [store.appendAll(appends)]
              : appends.map(({ streamId, events, expectedVersion }) =>
                  store.append(streamId, events, { expectedVersion }),
                )
            for (const outcome of await Promise.allSettled(calls)) {
              assertRefusal(outcome)
              if (outcome.status === 'rejected' && outcome.reason instanceof Refused) refusals++
            }
            await assertIsFold(store)
          }
        } finally {
          await world.end()
        }
      }
      const program = fc.array(step, { minLength: 1, maxLength: 15, size: 'max' })
      await fc.assert(fc.asyncProperty(program, runSteps), { numRuns: name === 'memory' ? 200 : 6 })
      assert.ok(refusals > 0, 'the projection must refuse some appends')
    })
  })
}

type Append = typeof append extends fc.Arbitrary<infer One> ? One : never
