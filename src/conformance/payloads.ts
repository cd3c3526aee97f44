/** Cases of payloads and metadata: the store returns every JSON value unchanged, and refuses all other values. */
import assert from 'node:assert/strict'
import type { Event } from '../event.ts'
import type { ConformanceCase } from './case.ts'
import { counted, logOf, range, streamOf, streamsOf } from './events.ts'
import { refused } from './expect.ts'

const group = 'payloads'
const megabyte = 1_048_576

function nested(depth: number): unknown {
  return range(1, depth).reduce<unknown>((inner, level) => (level % 2 === 0 ? { inner } : [inner]), 'core')
}

function hidden(target: object, key: string, value: unknown): object {
  return Object.defineProperty(target, key, { value, enumerable: false })
}

/** Values that a store must return unchanged. */
const faithful: readonly (readonly [description: string, value: unknown])[] = [
  ['null', null],
  ['true and false', [true, false]],
  ['an empty string', ''],
  ['empty objects and arrays', [{}, [], [[]], { a: {} }]],
  ['the largest exact whole numbers', [2 ** 53 - 1, -(2 ** 53 - 1), 0, 1, -1]],
  ['very large and very small numbers', [1e21, 1e20, -1e300, 5e-324, 1.7976931348623157e308, 2 ** 53, 1e-7]],
  ['numbers with many digits', [0.1, 0.1 + 0.2, 1 / 3, 123456789.12345679, 1.1]],
  ['an object whose keys are numbers', { 2: 'b', 1: 'a', '01': 'c', '-1': 'd' }],
  ['keys with a meaning to JavaScript', { constructor: 1, toString: null, length: 2, hasOwnProperty: 'x' }],
  ['an own key __proto__', JSON.parse('{"__proto__":{"polluted":true},"a":{"__proto__":null}}')],
  ['an empty key', { '': { '': 0 } }],
  ['quotes, backslashes and control characters', '"\\/\b\f\n\r\t\x01\x1e\x1f\x7f'],
  ['text that looks like an escaped NUL', ['\\u0000', '\\\\u0000', { '\\u0000': '\\ud800' }]],
  [
    'text that looks like SQL and like array literals',
    ["'; drop table events;--", '{a,"b"}', '$1', ':schema', '\\.'],
  ],
  ['line separators of JavaScript', '\u2028\u2029\u0085'],
  ['text in all planes', 'é e\u0301 שלום 日本語 😀 👩‍👩‍👧‍👦 \ue000 \ufffd \uffff \u{10ffff}'],
  ['999 levels', nested(999)],
  ['a wide object', Object.fromEntries(range(1, 5000).map((number) => [`key ${number}`, number]))],
  ['a long array', range(1, 20_000)],
  ['a plain object without a prototype', Object.assign(Object.create(null), { a: 1 })],
]

/** Values that JSON would lose or change, and the end of the field that the error must name. */
const unfaithful: readonly (readonly [description: string, value: () => unknown, path?: string])[] = [
  ['undefined', () => undefined],
  ['NaN', () => ({ price: Number.NaN }), '.price'],
  ['Infinity', () => [0, Number.POSITIVE_INFINITY], '[1]'],
  ['a bigint', () => ({ list: [1, 2n] }), '.list[1]'],
  ['a symbol', () => ({ a: Symbol('s') }), '.a'],
  ['a function', () => ({ a: () => 1 }), '.a'],
  ['a function alone', () => () => 1],
  ['undefined in an array', () => [1, undefined], '[1]'],
  ['a hole in an array', () => new Array(3), '[0]'],
  ['a Date', () => ({ at: new Date(0) }), '.at'],
  ['a Map', () => new Map([['a', 1]])],
  ['a Set', () => ({ a: new Set([1]) }), '.a'],
  ['a regular expression', () => [/a/], '[0]'],
  ['an Error', () => new Error('a')],
  ['bytes', () => ({ bytes: new Uint8Array([1, 2]) }), '.bytes'],
  ['a Promise', () => ({ a: Promise.resolve(1) }), '.a'],
  ['a boxed number', () => ({ a: Object(1) }), '.a'],
  [
    'an object of a class',
    () => ({
      a: new (class Money {
        amount = 1
      })(),
    }),
    '.a',
  ],
  ['an array of a class', () => ({ a: new (class List extends Array {})() }), '.a'],
  ['an object with toJSON', () => ({ a: { toJSON: () => 1 } }), '.a'],
  ['an object with a toJSON that is not enumerable', () => [hidden({}, 'toJSON', () => 1)], '[0]'],
  ['an array with toJSON', () => ({ a: Object.assign([1], { toJSON: () => 2 }) }), '.a'],
  [
    'an object that refers to itself',
    () => {
      const cycle: { self?: unknown } = {}
      cycle.self = cycle
      return cycle
    },
  ],
  ['1,001 levels', () => nested(1001)],
  ['50,000 levels', () => nested(50_000)],
  ['NUL in a string', () => ({ a: ['x', 'y\0'] }), '.a[1]'],
  ['NUL in a key', () => ({ 'a\0': 1 })],
  ['a lone surrogate in a string', () => ({ a: '\ud800' }), '.a'],
  ['a lone surrogate in a key', () => ({ '\udfff': 1 })],
  ['a lone surrogate after text that looks like one', () => ({ a: '\\ud800', b: '\ud800' }), '.b'],
  ['a string of a megabyte and one byte as JSON', () => 'x'.repeat(megabyte - 1)],
  [
    'a string of a megabyte and one byte as JSON, in fewer characters',
    () => `${'é'.repeat(megabyte / 2 - 1)}x`,
  ],
  ['8 megabytes', () => ({ a: 'x'.repeat(8 * megabyte) })],
  [
    'a value that is small in memory, but enormous as JSON',
    () => range(1, 40).reduce<unknown>((inner) => [inner, inner], 0),
  ],
]

export const payloadCases: readonly ConformanceCase[] = [
  ...faithful.map(
    ([description, value]): ConformanceCase => ({
      group,
      name: `returns ${description} unchanged`,
      async run({ open }) {
        const store = await open()
        await store.append('a', [
          { type: 'Before', data: 'before' },
          { type: 'T', data: value },
          { type: 'T', data: { value }, metadata: { value } },
          { type: 'After', data: 'after', metadata: { value: 'after' } },
        ])
        const plain: unknown = JSON.parse(JSON.stringify(value))
        for (const events of [await streamOf(store, 'a'), await logOf(store)]) {
          const found = events.map(({ data, metadata }) => ({ data, metadata }))
          const expected = [
            { data: 'before', metadata: {} },
            { data: plain, metadata: {} },
            { data: { value: plain }, metadata: { value: plain } },
            { data: 'after', metadata: { value: 'after' } },
          ]
          assert.deepEqual(found, expected)
          // As text, so that the order of keys is compared too.
          assert.equal(JSON.stringify(found), JSON.stringify(expected))
        }
        assert.equal(({} as { polluted?: boolean }).polluted, undefined)
      },
    }),
  ),
  {
    group,
    name: 'keeps the order of keys, turns minus zero into zero, and leaves out undefined properties',
    async run({ open }) {
      const store = await open()
      const data = { z: 1, a: { y: -0, b: undefined, x: 2 }, list: [-0, { gone: undefined }] }
      await store.append('a', [{ type: 'T', data, metadata: { z: -0, gone: undefined, a: 1 } }])
      const [event] = await streamOf(store, 'a')
      assert.equal(JSON.stringify(event?.data), '{"z":1,"a":{"y":0,"x":2},"list":[0,{}]}')
      assert.equal(JSON.stringify(event?.metadata), '{"z":0,"a":1}')
    },
  },
  {
    group,
    name: 'records payloads and metadata of 1,000 levels',
    async run({ open }) {
      const store = await open()
      await store.append('a', [{ type: 'T', data: nested(1000), metadata: { a: nested(999) } }])
      const [event] = await streamOf(store, 'a')
      assert.equal(JSON.stringify(event?.data), JSON.stringify(nested(1000)))
      assert.equal(JSON.stringify(event?.metadata), JSON.stringify({ a: nested(999) }))
    },
  },
  {
    group,
    name: 'records payloads and metadata of exactly a megabyte as JSON',
    async run({ open }) {
      const store = await open()
      // A megabyte with its quotes: in ASCII, in three-byte characters, and as metadata.
      const ascii = 'x'.repeat(megabyte - 2)
      const wide = '€'.repeat((megabyte - 1) / 3 - 1).concat('aa')
      const metadata = { a: 'm'.repeat(megabyte - 8) }
      assert.equal(Buffer.byteLength(JSON.stringify(wide)), megabyte)
      assert.equal(Buffer.byteLength(JSON.stringify(metadata)), megabyte)
      await store.append('a', [
        { type: 'T', data: ascii },
        { type: 'T', data: wide, metadata },
      ])
      const [first, second] = await streamOf(store, 'a')
      assert.ok(first?.data === ascii && second?.data === wide)
      assert.deepEqual(second.metadata, metadata)
      const tooMuch: Event = { type: 'T', data: 1, metadata: { a: 'm'.repeat(megabyte - 7) } }
      const error = await refused(store.append('a', [tooMuch]), 'invalid-input', {
        field: 'events[0].metadata',
      })
      assert.match(error.message, /1048576.*1048577/s)
    },
  },
  ...unfaithful.map(
    ([description, value, path = '']): ConformanceCase => ({
      group,
      name: `refuses ${description}, and writes nothing`,
      async run({ open }) {
        const store = await open()
        const good = counted(2)
        const data = value()
        const check = async (work: Promise<unknown>, field: string) => {
          const error = await refused(work, 'invalid-input')
          assert.ok(error.field.startsWith(field + path), `${error.field} begins with ${field}${path}`)
          assert.ok(error.message.length < 400, 'the message shows the beginning of the value only')
        }
        await check(store.append('a', [...good, { type: 'T', data }]), 'events[2].data')
        const appends = [
          { streamId: 'a', events: good },
          { streamId: 'b', events: [{ type: 'T', data: [data] }] },
        ]
        await refused(store.appendAll(appends), 'invalid-input')
        const source = [...good, { type: 'T', data }].map((event) => ({ ...event, streamId: 'a' }))
        await check(store.import(source, { name: 'n' }), 'source[2].data')
        if (data !== undefined) {
          const metadata = { value: data }
          const inEvent = store.append('a', [...good, { type: 'T', data: 1, metadata }])
          await refused(inEvent, 'invalid-input')
          await refused(store.append('a', good, { metadata }), 'invalid-input')
          await refused(store.createStream('a', { metadata }), 'invalid-input')
        }
        assert.deepEqual(await streamsOf(store), [])
      },
    }),
  ),
]
