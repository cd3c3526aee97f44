/** Cases of `createStream`, `streamInfo` and `listStreams`. */
import assert from 'node:assert/strict'
import type { ConformanceCase } from './case.ts'
import { collect, counted, identified, logOf, range, streamsOf } from './events.ts'
import { allAtOnce, refused } from './expect.ts'

const group = 'streams'

// In code point order. The order of UTF-16 units would put U+E000 to U+FFFF last.
const inOrder = [
  '\u0001',
  ' ',
  '!',
  '%',
  '-',
  '0',
  '10',
  '9',
  'A',
  'B',
  'Z',
  '_',
  'a',
  'a\u0001',
  'a ',
  'a-1',
  'a-10',
  'a-2',
  'aa',
  'b',
  'z',
  '~',
  'ß',
  'ä',
  'é',
  'ﬁ',
  '\ufeff',
  '\uffee',
  '\uffff',
  '𐀀',
  '😀',
  '😀a',
  '😁',
  '\u{10ffff}',
]

export const streamCases: readonly ConformanceCase[] = [
  {
    group,
    name: 'creates an empty stream with metadata, and reports it in streamInfo and listStreams',
    async run({ open }) {
      const store = await open()
      const metadata = { owner: 'u', settings: { retention: [1, null] }, correlationId: 'c' }
      const created = await store.createStream('a', { metadata })
      assert.equal(created.streamId, 'a')
      assert.equal(created.version, 0)
      assert.ok(created.createdAt instanceof Date)
      assert.equal(created.lastRecordedAt, undefined)
      assert.deepEqual(created.metadata, metadata)
      assert.deepEqual(await store.streamInfo('a'), created)
      assert.deepEqual(await streamsOf(store), [created])
      assert.deepEqual((await store.createStream('b')).metadata, {})
    },
  },
  {
    group,
    name: 'keeps the metadata and the creation time of a stream that grows',
    async run({ open }) {
      const store = await open()
      const created = await store.createStream('a', { metadata: { owner: 'u' } })
      const { recordedAt } = await store.append('a', counted(3), { expectedVersion: 'streamExists' })
      assert.deepEqual(await store.streamInfo('a'), { ...created, version: 3, lastRecordedAt: recordedAt })
    },
  },
  {
    group,
    name: 'refuses to create a stream that exists, empty or with events',
    async run({ open }) {
      const store = await open()
      const created = await store.createStream('a', { metadata: { owner: 'u' } })
      const again = store.createStream('a', { metadata: { owner: 'other' } })
      await refused(again, 'stream-already-exists', { streamId: 'a', version: 0 })
      assert.deepEqual(await store.streamInfo('a'), created)
      await store.append('b', counted(2))
      await refused(store.createStream('b'), 'stream-already-exists', { streamId: 'b', version: 2 })
    },
  },
  {
    group,
    name: 'creates a stream with the first append to it',
    async run({ open }) {
      const store = await open()
      const { recordedAt } = await store.append('a', counted(2))
      const info = await store.streamInfo('a')
      assert.equal(info?.version, 2)
      assert.deepEqual(info?.lastRecordedAt, recordedAt)
      assert.deepEqual(info?.metadata, {})
      assert.ok(info?.createdAt instanceof Date)
    },
  },
  {
    group,
    name: 'returns undefined as the info of a stream that does not exist',
    async run({ open }) {
      const store = await open()
      await store.append('a', counted(1))
      for (const streamId of ['b', 'A', 'a ', '%', '_'])
        assert.equal(await store.streamInfo(streamId), undefined)
    },
  },
  {
    group,
    name: 'lists streams in code point order, also if the server sorts otherwise',
    async run({ open }) {
      const store = await open()
      const shuffled = inOrder.toSorted((a, b) => a.length - b.length || (a < b ? 1 : -1))
      await store.appendAll(shuffled.map((streamId) => ({ streamId, events: counted(1) })))
      assert.deepEqual(
        (await streamsOf(store)).map(({ streamId }) => streamId),
        inOrder,
      )
      for (const [index, after] of inOrder.entries()) {
        const rest = await collect(store.listStreams({ after, limit: 3 }))
        assert.deepEqual(
          rest.map(({ streamId }) => streamId),
          inOrder.slice(index + 1, index + 4),
        )
      }
    },
  },
  {
    group,
    name: 'lists streams by a literal prefix, after a stream id, and up to a limit',
    async run({ open }) {
      const store = await open()
      const names = [...inOrder, '%a', '_a', '\\', '\\a', "'", 'a%', 'a_', '\u{10ffff}\u{10ffff}'].sort()
      await store.appendAll(names.map((streamId) => ({ streamId, events: counted(1) })))
      const all = (await streamsOf(store)).map(({ streamId }) => streamId)
      assert.deepEqual(all.toSorted(), names)
      for (const prefix of [
        'a',
        'a-',
        'a-1',
        'a%',
        'a_',
        '%',
        '_',
        '\\',
        "'",
        '😀',
        '\u{10ffff}',
        '\uffff',
        'none',
      ]) {
        const matching = all.filter((streamId) => streamId.startsWith(prefix))
        for (const after of [undefined, '\u0001', 'a', 'a-1', prefix, '\u{10ffff}']) {
          for (const limit of [undefined, 1, 2]) {
            const from =
              after === undefined ? 0 : all.filter((streamId) => !isAfter(all, streamId, after)).length
            const expected = all.slice(from).filter((streamId) => matching.includes(streamId))
            const listed = await collect(store.listStreams({ prefix, after, limit }))
            assert.deepEqual(
              listed.map(({ streamId }) => streamId),
              expected.slice(0, limit),
              JSON.stringify({ prefix, after, limit }),
            )
          }
        }
      }
    },
  },
  {
    group,
    name: 'lists 1,300 streams in pages, each once and with all its properties',
    async run({ open }) {
      const store = await open()
      const name = (number: number) => `s-${String(number).padStart(5, '0')}`
      const source = identified(1300).map((event, index) => ({
        ...event,
        streamId: name((index * 7) % 1300),
      }))
      await store.import(source)
      const listed = await streamsOf(store)
      assert.deepEqual(
        listed.map(({ streamId }) => streamId),
        range(0, 1299).map(name),
      )
      assert.deepEqual(listed[700], await store.streamInfo(name(700)))
      for (const limit of [499, 500, 501, 1000, 1299, 1301]) {
        assert.equal((await collect(store.listStreams({ limit }))).length, Math.min(limit, 1300))
      }
      const rest = await collect(store.listStreams({ after: name(299), prefix: 's-0' }))
      assert.deepEqual(
        rest.map(({ streamId }) => streamId),
        range(300, 1299).map(name),
      )
    },
  },
  {
    group,
    name: 'lists every existing stream once while other streams are created',
    async run({ open }) {
      const store = await open()
      const there = range(1, 600).map((number) => `m-${number}`)
      await allAtOnce(600, (index) => store.append(there[index] as string, counted(1)))
      const listed: string[] = []
      for await (const { streamId } of store.listStreams()) {
        if (listed.length % 200 === 0) await store.append(`m-new-${listed.length}`, counted(1))
        listed.push(streamId)
      }
      assert.equal(new Set(listed).size, listed.length)
      const before = new Set(there)
      assert.equal(listed.filter((streamId) => before.has(streamId)).length, 600)
    },
  },
  {
    group,
    name: 'creates 200 streams at once',
    async run({ open }) {
      const store = await open()
      await allAtOnce(200, (number) => store.createStream(`s-${number}`, { metadata: { number } }))
      const listed = await streamsOf(store)
      assert.equal(listed.length, 200)
      for (const { streamId, metadata } of listed) assert.equal(streamId, `s-${metadata.number}`)
      assert.deepEqual(await logOf(store), [])
    },
  },
]

/** Tells whether a stream id comes after another one in code point order. The other one need not be in the list. */
function isAfter(all: readonly string[], streamId: string, other: string): boolean {
  const index = all.indexOf(other)
  return index >= 0 ? all.indexOf(streamId) > index : streamId > other
}
