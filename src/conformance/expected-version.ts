/** Cases of `expectedVersion`: every expectation on every state of a stream, in each kind of append. */
import assert from 'node:assert/strict'
import type { ExpectedVersion } from '../expected-version.ts'
import type { EventStore } from '../store.ts'
import type { ConformanceCase } from './case.ts'
import { counted, everything, logOf } from './events.ts'
import { failure, refused } from './expect.ts'

const group = 'expected version'

/** A state that a stream can be in, and the expectations that it meets and does not meet. */
interface State {
  readonly description: string
  readonly version: number
  readonly met: readonly ExpectedVersion[]
  readonly missed: readonly ExpectedVersion[]
  /** Brings a stream into this state. */
  arrange(store: EventStore, streamId: string): Promise<unknown>
}

const states: readonly State[] = [
  {
    description: 'does not exist',
    version: 0,
    met: ['any', 'noStream', 0],
    missed: ['streamExists', 1, 7],
    arrange: async () => {},
  },
  {
    description: 'was created and is empty',
    version: 0,
    met: ['any', 'streamExists', 0],
    missed: ['noStream', 1],
    arrange: (store, streamId) => store.createStream(streamId),
  },
  {
    description: 'is at version 3',
    version: 3,
    met: ['any', 'streamExists', 3],
    missed: ['noStream', 0, 2, 4, Number.MAX_SAFE_INTEGER],
    arrange: (store, streamId) => store.append(streamId, counted(3)),
  },
]

const quoted = (expected: ExpectedVersion) =>
  typeof expected === 'number' ? `version ${expected}` : `'${expected}'`

function accepts(
  { description, version, arrange }: State,
  expectedVersion: ExpectedVersion,
): ConformanceCase {
  return {
    group,
    name: `accepts ${quoted(expectedVersion)} when the stream ${description}`,
    async run({ open }) {
      const store = await open()
      const streams = ['alone', 'nothing', 'together', 'checked']
      for (const streamId of streams) await arrange(store, streamId)
      const alone = await store.append('alone', counted(2), { expectedVersion })
      assert.equal(alone.firstVersion, version + 1)
      assert.equal(alone.version, version + 2)
      const nothing = await store.append('nothing', [], { expectedVersion })
      assert.equal(nothing.version, version)
      const [together, checked] = await store.appendAll([
        { streamId: 'together', events: counted(1), expectedVersion },
        { streamId: 'checked', events: [], expectedVersion },
      ])
      assert.equal(together?.version, version + 1)
      assert.equal(checked?.version, version)
      assert.equal(checked.firstVersion, version + 1)
      const versions = await Promise.all(streams.map((streamId) => store.readStream(streamId)))
      assert.deepEqual(
        versions.map((slice) => slice.version),
        [version + 2, version, version + 1, version],
      )
      assert.equal((await logOf(store)).length, 4 * version + 3)
    },
  }
}

function refuses(
  { description, version, arrange }: State,
  expectedVersion: ExpectedVersion,
): ConformanceCase {
  return {
    group,
    name: `refuses ${quoted(expectedVersion)} when the stream ${description}`,
    async run({ open }) {
      const store = await open()
      await arrange(store, 'a')
      const before = await everything(store)
      const facts = { streamId: 'a', expected: expectedVersion, actual: version }
      for (const events of [counted(1), counted(3), []]) {
        const alone = store.append('a', events, { expectedVersion })
        await refused(alone, 'wrong-expected-version', facts)
        const among = store.appendAll([
          { streamId: 'b', events: counted(1) },
          { streamId: 'a', events, expectedVersion },
          { streamId: 'c', events: counted(1), expectedVersion: 'noStream' },
        ])
        await refused(among, 'wrong-expected-version', facts)
      }
      assert.deepEqual(await everything(store), before)
    },
  }
}

export const expectedVersionCases: readonly ConformanceCase[] = [
  ...states.flatMap((state) => [
    ...state.met.map((expected) => accepts(state, expected)),
    ...state.missed.map((expected) => refuses(state, expected)),
  ]),
  {
    group,
    name: "treats a missing expected version as 'any'",
    async run({ open }) {
      const store = await open()
      for (const expectedVersion of [undefined, undefined]) {
        await store.append('a', counted(1), { expectedVersion })
        await store.appendAll([{ streamId: 'a', events: counted(1) }])
      }
      assert.equal((await store.readStream('a')).version, 4)
    },
  },
  {
    group,
    name: 'names the expected and the actual version in the error',
    async run({ open }) {
      const store = await open()
      await store.append('cart-7', counted(3))
      const error = await failure(store.append('cart-7', counted(1), { expectedVersion: 2 }))
      assert.ok(error instanceof Error)
      assert.equal(error.name, 'WrongExpectedVersionError')
      assert.match(error.message, /cart-7.*2.*3/s)
    },
  },
]
