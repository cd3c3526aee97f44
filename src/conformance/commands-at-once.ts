/**
 * Cases of many commands on one stream at the same time. The fault: all commands decide on the same state, one append
 * wins, and the others use up their retries against each other, although no command contradicts another.
 */
import assert from 'node:assert/strict'
import { decider } from '../command/decider.ts'
import { onEachHandler } from './caching.ts'
import type { ConformanceCase } from './case.ts'
import { counted, range, streamOf } from './events.ts'
import { allAtOnce, failure, latch, refused } from './expect.ts'

type Added = { type: 'Added'; data: { text: string; after: number } }

/** A decider whose events tell on which number of events they were decided, and a list of these numbers. */
function listDecider(beforeDeciding: (text: string) => Promise<unknown> | undefined = () => undefined) {
  const decidedOn: number[] = []
  const list = decider({
    initialState: () => 0,
    async decide(text: string, count): Promise<Added> {
      decidedOn.push(count)
      await beforeDeciding(text)
      return { type: 'Added', data: { text, after: count } }
    },
    evolve: (count, _event) => count + 1,
  })
  return { list, decidedOn }
}

const after = (count: number) => range(0, count - 1)

export const commandAtOnceCases: readonly ConformanceCase[] = onEachHandler((handlerOf) => {
  const group = 'commands at once'
  return [
    {
      group,
      name: 'handles 100 commands on one stream in the order of the calls, each on the result of the one before',
      async run({ open }) {
        const store = await open()
        const { list, decidedOn } = listDecider()
        const handle = handlerOf({ store, decider: list, retries: 0 })
        const results = await allAtOnce(100, (caller) => handle('a', String(caller)))
        assert.deepEqual(
          results.map(({ state, version }) => [state, version]),
          range(1, 100).map((number) => [number, number]),
        )
        const events = await streamOf(store, 'a')
        assert.deepEqual(
          events.map(({ data }) => data),
          after(100).map((caller) => ({ text: String(caller), after: caller })),
        )
        assert.deepEqual(decidedOn, after(100))
        assert.deepEqual(
          results.flatMap((result) => result.events),
          events,
        )
      },
    },
    {
      group,
      name: 'handles 40 commands on one stream with all defaults, through four handlers',
      async run({ open }) {
        const store = await open()
        const handlers = range(1, 4).map(() => handlerOf({ store, decider: listDecider().list }))
        await allAtOnce(40, (caller) => (handlers[caller % 4] ?? assert.fail())('a', String(caller)))
        const decidedOn = (await streamOf(store, 'a')).map(({ data }) => (data as Added['data']).after)
        assert.deepEqual(decidedOn, after(40))
      },
    },
    {
      group,
      name: 'handles 40 commands on one stream with all defaults, through four stores on the same data',
      needs: ['shared-data'],
      async run({ open }) {
        const stores = await allAtOnce(4, () => open())
        const handlers = stores.map((store) => handlerOf({ store, decider: listDecider().list }))
        await allAtOnce(40, (caller) => (handlers[caller % 4] ?? assert.fail())('a', String(caller)))
        const decidedOn = (await streamOf(stores[0] ?? assert.fail(), 'a')).map(
          ({ data }) => (data as Added['data']).after,
        )
        assert.deepEqual(decidedOn, after(40))
      },
    },
    {
      group,
      name: 'handles the next command when one before it is refused, is aborted, or decides nothing',
      async run({ open }) {
        const store = await open()
        const refusal = new Error('refused')
        const { list } = listDecider()
        const handle = handlerOf({
          store,
          decider: {
            ...list,
            async decide(text: string, count: number): Promise<Added | undefined> {
              await new Promise(setImmediate)
              if (text === 'refuse') throw refusal
              return text === 'nothing' ? undefined : { type: 'Added', data: { text, after: count } }
            },
          },
        })
        const controller = new AbortController()
        const { signal } = controller
        const first = handle('a', 'first')
        const refused = failure(handle('a', 'refuse'))
        const nothing = handle('a', 'nothing')
        const aborted = failure(handle('a', 'aborted', { signal }))
        const last = handle('a', 'last')
        const early = failure(handle('a', 'early', { signal: AbortSignal.abort('before') }))
        controller.abort('enough')
        // A command that waits for its turn leaves the queue at once.
        assert.equal(await Promise.race([aborted, first]), 'enough')
        assert.equal(await early, 'before')
        assert.equal(await refused, refusal)
        assert.deepEqual((await nothing).events, [])
        assert.equal((await last).version, 2)
        assert.deepEqual(
          (await streamOf(store, 'a')).map(({ data }) => (data as Added['data']).text),
          ['first', 'last'],
        )
      },
    },
    {
      group,
      name: 'does not let a command wait for commands on other streams',
      async run({ open }) {
        const store = await open()
        const [held, begun] = [latch(), latch()]
        const { list } = listDecider((text) => {
          if (text !== 'held') return undefined
          begun.release()
          return held.released
        })
        const handle = handlerOf({ store, decider: list })
        const hanging = handle('a', 'held')
        await begun.released
        for (const stream of ['b', 'c', 'b']) await handle(stream, 'free')
        held.release()
        assert.equal((await hanging).version, 1)
      },
    },
    {
      group,
      name: 'says how often a command was decided when another append came first each time',
      async run({ open }) {
        const store = await open()
        const { list, decidedOn } = listDecider(() => store.append('a', counted(1)))
        const handle = handlerOf({ store, decider: list, retries: 2 })
        const facts = { streamId: 'a', decisions: 3, actual: 3 }
        const error = await refused(handle('a', 'late'), 'command-overtaken', facts)
        assert.match(error.message, /decided 3 times/)
        assert.deepEqual(decidedOn, [0, 1, 2])
      },
    },
    {
      group,
      name: "decides again for a caller that expects 'streamExists' when another append came first",
      async run({ open }) {
        const store = await open()
        let disturbances = 2
        const { list, decidedOn } = listDecider(() =>
          disturbances-- > 0 ? store.append('a', counted(1)) : undefined,
        )
        const handle = handlerOf({ store, decider: list })
        await store.createStream('a')
        assert.equal((await handle('a', 'any', { expectedVersion: 'streamExists' })).version, 3)
        assert.deepEqual(decidedOn, [0, 1, 2])
      },
    },
  ]
})
