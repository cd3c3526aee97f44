/** Cases of hostile names of streams, event types and tags: the store returns them exactly, or refuses them. */
import assert from 'node:assert/strict'
import type { ConformanceCase } from './case.ts'
import { collect, counted, eventOfType, logOf, range, streamOf, streamsOf } from './events.ts'
import { refused } from './expect.ts'

const group = 'names'

/** Unusual names that a store must accept. */
const unusualNames: readonly string[] = [
  // Properties that every JavaScript object has.
  '__proto__',
  'constructor',
  'prototype',
  'toString',
  'hasOwnProperty',
  'then',
  // Text with a meaning in SQL: in statements, in patterns, and in literals of arrays and rows.
  "'",
  "''",
  '"',
  '""',
  "'; drop table events; --",
  '%',
  '_',
  'a%b_c',
  '\\',
  '\\\\',
  '\\x00',
  '\\u0000',
  '{}',
  '{a,b}',
  '{"a"}',
  '(a,b)',
  ',',
  'a,b',
  'null',
  'NULL',
  ':schema',
  '?',
  'a$1',
  '/* a */',
  // Text with a meaning in templates and shells, and separators that a store might use to join names.
  // biome-ignore lint/suspicious/noTemplateCurlyInString: it is the name that looks like one
  'a${name}',
  '`',
  'a:b|c;d/e.f#g@h',
  'a\x1fb',
  'a\x1eb',
  '\x1c\x1d\x1e\x1f',
  // Space and control characters.
  ' ',
  ' a',
  'a ',
  '\t',
  '\n',
  'a\r\nb',
  '\x01',
  '\x7f',
  '\x85',
  '\u00a0',
  '\u200b',
  '\u2028',
  '\u2029',
  '\ufeff',
  // Different names that look the same.
  'caf\u00e9',
  'cafe\u0301',
  'CAFÉ',
  'I',
  'ı',
  'İ',
  'ß',
  'ss',
  'ﬁ',
  'fi',
  // Right to left, beyond the basic plane, joined, and unassigned characters.
  'שלום',
  'a\u202eb',
  '日本語',
  '😀',
  '👩‍👩‍👧‍👦',
  '𝕏',
  '\ue000',
  '\ufffd',
  '\ufffe',
  '\uffff',
  '\u{10ffff}',
  // Names of 512 bytes, the maximum.
  'x'.repeat(512),
  'é'.repeat(256),
  '😀'.repeat(128),
  `${'€'.repeat(170)}ab`,
  // Text that looks like a number or a constant.
  '0',
  '-1',
  '1e3',
  'true',
  'undefined',
]

/** Values that a store must refuse as a name. */
const refusedNames: readonly (readonly [description: string, name: unknown])[] = [
  ['an empty text', ''],
  ['a text of 513 bytes', 'x'.repeat(513)],
  ['a text of 514 bytes in 257 characters', 'é'.repeat(257)],
  ['a text of 516 bytes in 129 characters', '😀'.repeat(129)],
  ['a text of 10,000 bytes', 'x'.repeat(10_000)],
  ['NUL', '\0'],
  ['a text that ends with NUL', 'a\0'],
  ['a high surrogate alone', 'a\ud83d'],
  ['a low surrogate alone', '\ude00b'],
  ['surrogates in the wrong order', '\ude00\ud83d'],
  ['a number', 7],
  ['null', null],
  ['an object', { toString: () => 'a' }],
  ['an array', ['a']],
]

const reserved = ['a text that begins with $', '$all'] as const

export const nameCases: readonly ConformanceCase[] = [
  {
    group,
    name: 'returns unusual names of streams, types and tags exactly, also within payloads',
    async run({ open }) {
      const store = await open()
      const eventOf = (name: string) => ({
        type: name,
        data: Object.fromEntries([[name, [name]]]),
        metadata: Object.fromEntries([[name, name]]),
        tags: [name, `${name.slice(0, 100)}:tag`].filter((tag) => tag.isWellFormed()),
      })
      for (const from of range(0, Math.floor(unusualNames.length / 20))) {
        const names = unusualNames.slice(20 * from, 20 * from + 20)
        await store.appendAll(names.map((name) => ({ streamId: name, events: [eventOf(name)] })))
      }
      const log = await logOf(store)
      assert.equal(log.length, unusualNames.length)
      for (const [index, name] of unusualNames.entries()) {
        const { streamId, type, data, metadata, tags } = log[index] ?? {}
        assert.deepEqual({ streamId, type, data, metadata, tags }, { streamId: name, ...eventOf(name) })
      }
    },
  },
  {
    group,
    name: 'tells streams with unusual names apart in every call',
    async run({ open }) {
      const store = await open()
      for (const [index, name] of unusualNames.entries()) {
        const result = await store.append(name, counted(1, index), { expectedVersion: 'noStream' })
        assert.equal(result.streamId, name)
      }
      const listed = new Set((await streamsOf(store)).map(({ streamId }) => streamId))
      assert.deepEqual(listed, new Set(unusualNames))
      for (const [index, name] of unusualNames.entries()) {
        const { events, streamId } = await store.readStream(name)
        assert.equal(streamId, name)
        assert.deepEqual(
          events.map(({ data }) => data),
          [{ number: index }],
        )
        assert.equal((await store.streamInfo(name))?.streamId, name)
        const beginning = await logOf(store, { streamPrefix: name })
        assert.deepEqual(
          beginning.map((event) => event.streamId),
          unusualNames.filter((other) => other.startsWith(name)),
        )
        const [first] = await collect(store.listStreams({ prefix: name, limit: 1 }))
        assert.equal(first?.streamId, name)
      }
    },
  },
  {
    group,
    name: 'shows the right stream of each event, in short and long pages, and again after streams were added',
    async run({ open }) {
      const store = await open()
      const show = async () => {
        for (const limit of [undefined, 1, 7, 150]) {
          for (const direction of ['forward', 'backward'] as const) {
            for (const { streamId, data } of await logOf(store, { limit, direction })) {
              assert.equal(streamId, (data as { readonly streamId: string }).streamId)
            }
          }
        }
      }
      for (const round of range(1, 3)) {
        const short = unusualNames.filter((name) => name.length < 100)
        const streamIds = [...unusualNames, ...short.map((name) => `${name} ${round}`)]
        await store.append('first', [eventOfType('T', { streamId: 'first' })])
        for (const some of [streamIds.slice(0, 90), streamIds.slice(90)]) {
          await store.appendAll(
            some.map((streamId) => ({ streamId, events: [eventOfType('T', { streamId })] })),
          )
        }
        await show()
      }
    },
  },
  {
    group,
    name: 'tells event types with unusual names apart',
    async run({ open }) {
      const store = await open()
      await store.append(
        'a',
        unusualNames.map((name) => eventOfType(name, { name })),
      )
      for (const name of unusualNames) {
        const found = await logOf(store, { types: [name] })
        assert.deepEqual(
          found.map(({ data }) => data),
          [{ name }],
        )
      }
      assert.equal((await logOf(store, { types: unusualNames })).length, unusualNames.length)
    },
  },
  {
    group,
    name: 'keeps the order and the duplicates in a list of unusual tags',
    async run({ open }) {
      const store = await open()
      const tags = unusualNames.slice(0, 80)
      await store.append('a', [
        { type: 'T', data: 1, tags },
        { type: 'T', data: 2, tags: [] },
        { type: 'T', data: 3, tags: ['b', 'a', 'b'] },
      ])
      assert.deepEqual(
        (await streamOf(store, 'a')).map((event) => event.tags),
        [tags, [], ['b', 'a', 'b']],
      )
    },
  },
  ...[...refusedNames, reserved].map(
    ([description, bad]): ConformanceCase => ({
      group,
      name: `refuses ${description} as a name, and writes nothing`,
      async run({ open }) {
        const store = await open()
        const name = bad as string
        const good = counted(1)
        const second = (field: string) => ({ field: `events[1].${field}` })
        await refused(store.append(name, good), 'invalid-input', { field: 'streamId' })
        await refused(store.append(name, []), 'invalid-input', { field: 'streamId' })
        await refused(store.createStream(name), 'invalid-input', { field: 'streamId' })
        const appends = [
          { streamId: 'a', events: good },
          { streamId: name, events: good },
        ]
        await refused(store.appendAll(appends), 'invalid-input', { field: 'streamId' })
        await refused(store.append('a', [...good, eventOfType(name)]), 'invalid-input', second('type'))
        const tagged = [...good, { type: 'T', data: 1, tags: ['t', name] }]
        await refused(store.append('a', tagged), 'invalid-input', second('tags[1]'))
        const source = [{ streamId: name, type: 'T', data: 1 }]
        await refused(store.import(source, { name: 'n' }), 'invalid-input', { field: 'source[0].streamId' })
        assert.deepEqual(await streamsOf(store), [])
      },
    }),
  ),
  ...refusedNames.map(
    ([description, bad]): ConformanceCase => ({
      group,
      name: `refuses ${description} as a name in a read`,
      async run({ open }) {
        const store = await open()
        const name = bad as string
        await refused(store.readStream(name), 'invalid-input', { field: 'streamId' })
        await refused(store.streamInfo(name), 'invalid-input', { field: 'streamId' })
        await refused(() => logOf(store, { streamPrefix: name }), 'invalid-input', { field: 'streamPrefix' })
        await refused(() => logOf(store, { types: ['T', name] }), 'invalid-input', { field: 'types[1]' })
        await refused(() => collect(store.listStreams({ prefix: name })), 'invalid-input', {
          field: 'prefix',
        })
        await refused(() => collect(store.listStreams({ after: name })), 'invalid-input', { field: 'after' })
      },
    }),
  ),
]
