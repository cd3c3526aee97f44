/**
 * Cases of inline projections that fail: the caller gets the error, the store does not retry, and nothing is written.
 */
import assert from 'node:assert/strict'
import { commandHandler } from '../command/command-handler.ts'
import { decider } from '../command/decider.ts'
import type { RecordedEvent } from '../event.ts'
import { projection } from '../projection/projection.ts'
import type { ConformanceCase } from './case.ts'
import { type Counted, collect, counted, eventOfType, everything, logOf } from './events.ts'
import { failure, refused } from './expect.ts'

const group = 'inline projections'

/**
 * A projection that counts the events of a stream and throws at an event of type `Refused`, and the number of its
 * throws.
 */
function throwingProjection(thrown: () => unknown) {
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
    name: 'throws an error of a projection that looks like one of the database once, and does not retry',
    async run({ open }) {
      let thrown: unknown
      const { counts, calls } = throwingProjection(() => thrown)
      const store = await open({ inline: [counts] })
      await store.append('s', counted(1))
      const before = await everything(store)
      // Codes of: serialization failure, deadlock, unique violation, lost connection (twice). Then values that are no
      // errors.
      const codes = ['40001', '40P01', '23505', '08006', 'ECONNRESET']
      const errors = codes.map((code) => Object.assign(new Error(`thrown with ${code}`), { code }))
      for (const one of [...errors, 'a text', undefined, null]) {
        thrown = one
        calls.refused = 0
        assert.equal(await failure(store.append('s', [eventOfType('Refused')])), one)
        assert.equal(calls.refused, 1)
      }
      assert.deepEqual(await everything(store), before)
      assert.equal((await store.view(counts).get('s'))?.state, 1)
    },
  },
  {
    group,
    name: 'does not decide a command again when a projection throws, as that is no conflict',
    async run({ open }) {
      const thrown = new Error('refused')
      const { counts, calls } = throwingProjection(() => thrown)
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
            return [eventOfType('Refused')]
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
    name: 'refuses a key that is no name, and appends nothing',
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
