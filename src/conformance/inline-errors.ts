/** Inline projections that fail: whose error it is, how often they are tried, and what is left. */
import assert from 'node:assert/strict'
import { commandHandler } from '../command/command-handler.ts'
import { decider } from '../command/decider.ts'
import type { RecordedEvent } from '../event.ts'
import { projection } from '../projection/projection.ts'
import type { ConformanceCase } from './case.ts'
import { type Counted, collect, counted, everything, logOf, oneOf } from './events.ts'
import { failure, refused } from './expect.ts'

const group = 'inline projections'

/** Counts the events of a stream, and how often it was asked to; throws at an event of type `Refused`. */
function throwing(thrown: () => unknown) {
  const calls = { refused: 0 }
  const counts = projection({
    name: 'counts',
    key: ({ streamId }: RecordedEvent) => streamId,
    initialState: () => 0,
    evolve(count: number, { type }) {
      if (type !== 'Refused') return count + 1
      calls.refused++
      throw thrown()
    },
  })
  return { counts, calls }
}

export const inlineErrorCases: readonly ConformanceCase[] = [
  {
    group,
    name: 'may throw what looks like an error of the database: it is told once, and nothing is tried again',
    async run({ open }) {
      let thrown: unknown
      const { counts, calls } = throwing(() => thrown)
      const store = await open({ inline: [counts] })
      await store.append('s', counted(1))
      const before = await everything(store)
      // Serialization failure, deadlock, unique violation, connection lost, and what is no error at all.
      const codes = ['40001', '40P01', '23505', '08006', 'ECONNRESET']
      const errors = codes.map((code) => Object.assign(new Error(`thrown with ${code}`), { code }))
      for (const one of [...errors, 'a text', undefined, null]) {
        thrown = one
        calls.refused = 0
        assert.equal(await failure(store.append('s', [oneOf('Refused')])), one)
        assert.equal(calls.refused, 1)
      }
      assert.deepEqual(await everything(store), before)
      assert.equal((await store.view(counts).get('s'))?.state, 1)
    },
  },
  {
    group,
    name: 'that throw end a command, which is not decided again: it is no conflict',
    async run({ open }) {
      const thrown = new Error('refused')
      const { counts, calls } = throwing(() => thrown)
      const store = await open({ inline: [counts] })
      let decided = 0
      const handle = commandHandler({
        store,
        streamId: (id: string) => id,
        decider: decider({
          initialState: () => 0,
          evolve: (count: number) => count + 1,
          decide: (_command: { type: 'Refuse' }) => {
            decided++
            return [oneOf('Refused')]
          },
        }),
      })
      assert.equal(await failure(handle('s', { type: 'Refuse' })), thrown)
      assert.deepEqual({ decided, refused: calls.refused }, { decided: 1, refused: 1 })
      assert.equal((await store.readStream('s')).exists, false)
    },
  },
  {
    group,
    name: 'that give a key that is no name are told so, and nothing is appended',
    async run({ open }) {
      const keys: readonly unknown[] = ['', '$own', 'a\0b', '\ud800', 'x'.repeat(513), 7, null, ['fine', '']]
      const careless = projection({
        name: 'careless',
        key: ({ data }: RecordedEvent<Counted>) => keys[data.number] as string,
        initialState: () => 0,
        evolve: (count: number) => count + 1,
      })
      const store = await open({ inline: [careless] })
      for (const index of keys.keys()) {
        const field = "the key of a document of projection 'careless'"
        await refused(store.append('s', counted(1, index)), 'invalid-input', { field })
      }
      assert.deepEqual(await logOf(store), [])
      assert.deepEqual(await collect(store.view(careless).list()), [])
    },
  },
]
