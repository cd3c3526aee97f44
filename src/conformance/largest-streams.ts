/** Cases of `listStreams({ order: 'largest' })`. */
import assert from 'node:assert/strict'
import type { ListStreamsOptions, StreamInfo } from '../reads.ts'
import type { EventStore } from '../store.ts'
import type { ConformanceCase } from './case.ts'
import { collect, counted, everything, identified, range, streamsOf } from './events.ts'
import { allAtOnce, refused } from './expect.ts'

const group = 'the largest streams'

const idsOf = (streams: readonly StreamInfo[]) => streams.map(({ streamId }) => streamId)

async function largest(store: EventStore, options: ListStreamsOptions & { readonly limit: number }) {
  return collect(store.listStreams({ ...options, order: 'largest' }))
}

/** Passes a value that TypeScript would not accept. */
const wrong = <T>(value: unknown) => value as T

export const largestStreamCases: readonly ConformanceCase[] = [
  {
    group,
    name: 'lists the streams with the most events first, and streams of the same version in code point order',
    async run({ open }) {
      const store = await open()
      const versions = { '😀': 2, '\uffff': 2, b: 2, a: 1, 'a-1': 3, A: 3, z: 12 }
      await store.createStream('empty', { metadata: { owner: 'u' } })
      await store.createStream('Empty')
      await store.appendAll(
        Object.entries(versions).map(([streamId, version]) => ({ streamId, events: counted(version) })),
      )
      const all = await largest(store, { limit: 1000 })
      assert.deepEqual(idsOf(all), ['z', 'A', 'a-1', 'b', '\uffff', '😀', 'a', 'Empty', 'empty'])
      for (const info of all) assert.deepEqual(info, await store.streamInfo(info.streamId))
      for (const limit of [1, 2, 4, 8, 9, 10]) {
        assert.deepEqual(await largest(store, { limit }), all.slice(0, limit))
      }
      await store.append('a', counted(20))
      assert.deepEqual(idsOf(await largest(store, { limit: 2 })), ['a', 'z'])
    },
  },
  {
    group,
    name: 'lists the largest streams with a literal prefix',
    async run({ open }) {
      const store = await open()
      const names = ['a', 'a%', 'a_', 'ab', '%', '_', '\\', "'", '\u{10ffff}', '\u{10ffff}\u{10ffff}', '$']
      const versions = names.filter((name) => name !== '$').map((name, index) => [name, index + 1] as const)
      await store.appendAll(versions.map(([streamId, count]) => ({ streamId, events: counted(count) })))
      for (const prefix of [...names, 'none']) {
        const expected = versions
          .filter(([streamId]) => streamId.startsWith(prefix))
          .map(([streamId]) => streamId)
          .reverse()
        assert.deepEqual(idsOf(await largest(store, { prefix, limit: 100 })), expected, prefix)
      }
    },
  },
  {
    group,
    name: 'lists the largest of 600 streams, wherever their ids sort',
    async run({ open }) {
      const store = await open()
      const name = (number: number) => `s-${String(number).padStart(5, '0')}`
      const all = range(0, 599).map(name)
      const large = [name(590), name(7), name(499), name(500), name(510)]
      const repeated = large.flatMap((streamId, index) => Array.from({ length: 5 - index }, () => streamId))
      const streamIds = [...all, ...repeated]
      await store.import(
        identified(streamIds.length).map((event, index) => ({
          ...event,
          streamId: streamIds[index] as string,
        })),
      )
      const others = all.filter((streamId) => !large.includes(streamId))
      const inOrder = [...large, ...others]
      for (const limit of [3, 505]) {
        assert.deepEqual(idsOf(await largest(store, { limit })), inOrder.slice(0, limit))
      }
    },
  },
  {
    group,
    name: 'lists nothing in an empty store, and the order by id is the default',
    async run({ open }) {
      const store = await open()
      assert.deepEqual(await largest(store, { limit: 10 }), [])
      await allAtOnce(5, (index) => store.append(`s-${index}`, counted(index + 1)))
      assert.deepEqual(await collect(store.listStreams({ order: 'id' })), await streamsOf(store))
      const some = { order: 'id', after: 's-1', limit: 2 } as const
      assert.deepEqual(idsOf(await collect(store.listStreams(some))), ['s-2', 's-3'])
      assert.deepEqual(await collect(store.listStreams({ order: undefined })), await streamsOf(store))
    },
  },
  {
    group,
    name: 'refuses the largest streams without a limit of at most 1,000, or after an id, and another order',
    async run({ open }) {
      const store = await open()
      await store.append('a', counted(1))
      const before = await everything(store)
      const order = 'largest'
      for (const limit of [undefined, 0, 1001, 1.5, Number.MAX_SAFE_INTEGER, null, '1']) {
        const options = { order, limit: wrong<number>(limit) } as const
        await refused(() => collect(store.listStreams(options)), 'invalid-input', { field: 'limit' })
      }
      const after = { order, limit: 1, after: 'a' } as const
      await refused(() => collect(store.listStreams(after)), 'invalid-input', { field: 'after' })
      for (const other of ['', 'version', 'ID', null, 1]) {
        const options = { order: wrong<'id'>(other) }
        await refused(() => collect(store.listStreams(options)), 'invalid-input', { field: 'order' })
      }
      assert.deepEqual(await everything(store), before)
    },
  },
]
