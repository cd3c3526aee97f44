/** Cases of all other wrong input: the store refuses the whole call, and its error names the field. */
import assert from 'node:assert/strict'
import type { Event } from '../event.ts'
import type { ReadAllOptions, ReadStreamOptions } from '../reads.ts'
import type { EventStore } from '../store.ts'
import type { ConformanceCase } from './case.ts'
import { collect, counted, eventOfType, everything, logOf, range } from './events.ts'
import { refused } from './expect.ts'

const group = 'input'

/** Passes a value that TypeScript would not accept. */
const wrong = <T>(value: unknown) => value as T

const noNumbers: readonly unknown[] = [-1, 1.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 53, '1', 1n, null]
const noDates: readonly unknown[] = [
  new Date(Number.NaN),
  new Date(8.64e15),
  new Date(-8.64e15),
  new Proxy(new Date(0), {}),
  Object.create(Date.prototype),
  0,
  '2020-01-01T00:00:00Z',
  null,
]
const noIds: readonly unknown[] = [
  '',
  'a',
  '0190a5b2-0000-7000-8000-00000000000',
  '0190a5b2-0000-7000-8000-0000000000000',
  '{0190a5b2-0000-7000-8000-000000000000}',
  '0190a5b200007000800000000000000',
  '0190a5b2-0000-7000-8000-00000000000g',
  ' 0190a5b2-0000-7000-8000-000000000000',
  '0190a5b2-0000-7000-8000-000000000000\n',
  null,
  7,
]

/** Wrong values, the writing call that must refuse them, and the field that its error must name. */
const refusals: readonly (readonly [
  description: string,
  field: string,
  values: readonly unknown[],
  call: (store: EventStore, value: never) => Promise<unknown>,
])[] = [
  [
    'a wrong expected version',
    'expectedVersion',
    [...noNumbers, '', 'none', 'ANY', true, {}, []],
    (store, expectedVersion) => store.append('a', counted(1), { expectedVersion }),
  ],
  [
    'a wrong expected version of an append without events',
    'expectedVersion',
    [-1, 'none', null],
    (store, expectedVersion) => store.append('a', [], { expectedVersion }),
  ],
  [
    'a wrong expected version in appendAll',
    'expectedVersion',
    [-1, 'none', null],
    (store, expectedVersion) =>
      store.appendAll([
        { streamId: 'a', events: counted(1) },
        { streamId: 'b', events: counted(1), expectedVersion },
      ]),
  ],
  ['an event id to find that is no UUID', 'id', noIds, (store, id) => store.raw.findEvent(id)],
  [
    'an event id that is no UUID',
    'events[1].id',
    noIds,
    (store, id) => store.append('a', [...counted(1), { type: 'T', data: 1, id }]),
  ],
  [
    'a value that is no event',
    'events[1]',
    [null, undefined, 7, 'T'],
    (store, event) => store.append('a', [...counted(1), event]),
  ],
  [
    'an array of events with a hole',
    'events[0]',
    [new Array<Event>(2)],
    (store, events) => store.append('a', events),
  ],
  [
    'events that are no array',
    'events',
    [null, undefined, {}, 'T', 7],
    (store, events) => store.append('a', events),
  ],
  [
    'appends that are no array',
    'appends',
    [null, undefined, {}, 'T', 7],
    (store, appends) => store.appendAll(appends),
  ],
  [
    'a value that is no append',
    'appends[1]',
    [null, undefined, 7, 'a'],
    (store, append) => store.appendAll([{ streamId: 'a', events: counted(1) }, append]),
  ],
  [
    'an array of appends with a hole',
    'appends[0]',
    [new Array<{ streamId: string; events: Event[] }>(2)],
    (store, appends) => store.appendAll(appends),
  ],
  [
    'tags that are no array',
    'events[1].tags',
    ['t', 7, null, { length: 1, 0: 't' }, new Set(['t'])],
    (store, tags) => store.append('a', [...counted(1), { type: 'T', data: 1, tags }]),
  ],
  [
    'more than 100 tags',
    'events[0].tags',
    [range(1, 101).map(String)],
    (store, tags) => store.append('a', [{ type: 'T', data: 1, tags }]),
  ],
  [
    'metadata of an event that is no object',
    'events[1].metadata',
    [null, 7, 'a', [], new Map(), new Date()],
    (store, metadata) => store.append('a', [...counted(1), { type: 'T', data: 1, metadata }]),
  ],
  [
    'metadata of a call that is no object',
    'metadata',
    [null, 7, 'a', [], new Map(), new Date()],
    async (store, metadata) => {
      const call = store.appendAll([{ streamId: 'a', events: counted(1) }], { metadata })
      await refused(call, 'invalid-input', { field: 'metadata' })
      await refused(store.createStream('a', { metadata }), 'invalid-input', { field: 'metadata' })
      return store.append('a', counted(1), { metadata })
    },
  ],
  [
    'an import source that cannot be iterated',
    'source',
    [null, undefined, 7, {}, 'text'],
    (store, source) => store.import(source, { name: 'n' }),
  ],
  [
    'an import source with a value that is no event',
    'source[1]',
    [null, undefined, 7],
    (store, event) => store.import([{ ...eventOfType('T'), streamId: 'a' }, event], { name: 'n' }),
  ],
  [
    'a wrong batch size of an import',
    'batchSize',
    [0, ...noNumbers],
    (store, batchSize) => store.import([], { name: 'n', batchSize }),
  ],
  [
    'a wrong name of an import',
    'name',
    ['', 7, 'a\0', null],
    (store, name) => store.import([{ ...eventOfType('T'), streamId: 'a' }], { name }),
  ],
  [
    'a wrong time of an imported event',
    'source[0].recordedAt',
    noDates,
    (store, recordedAt) => store.import([{ ...eventOfType('T'), streamId: 'a', recordedAt }], { name: 'n' }),
  ],
]

/**
 * A field of a read, and wrong values for it. The first five read a stream, the next five the log, the last one lists
 * streams.
 */
const readRefusals: readonly (readonly [
  what: string,
  field: string,
  values: readonly unknown[],
  call: (store: EventStore, value: never) => Promise<unknown>,
])[] = [
  ...(['fromVersion', 'toVersion', 'limit'] as const).map(
    (field) =>
      [
        'a stream',
        field,
        field === 'toVersion' ? noNumbers : [0, ...noNumbers],
        (store: EventStore, value: number) =>
          store.readStream('a', { [field]: value } satisfies ReadStreamOptions),
      ] as const,
  ),
  ['a stream', 'asOf', noDates, (store, asOf) => store.readStream('a', { asOf })],
  [
    'a stream',
    'direction',
    ['', 'back', 1, null],
    (store, direction) => store.readStream('a', { direction }),
  ],
  ['the log', 'direction', ['', 'back', 1, null], (store, direction) => logOf(store, { direction })],
  ...(['after', 'until', 'limit'] as const).map(
    (field) =>
      [
        'the log',
        field,
        field === 'limit' ? [0, ...noNumbers] : noNumbers,
        (store: EventStore, value: number) => logOf(store, { [field]: value } satisfies ReadAllOptions),
      ] as const,
  ),
  [
    'the log',
    'types',
    [[], 'T', {}, 7, null, Object.create(null)],
    (store, types) => logOf(store, { types }),
  ],
  [
    'the list of streams',
    'limit',
    [0, ...noNumbers],
    (store, limit) => collect(store.listStreams({ limit })),
  ],
  ['parked events', 'limit', [0, ...noNumbers], (store, limit) => collect(store.parked('a').list({ limit }))],
  ['parked events', 'after', noNumbers, (store, after) => collect(store.parked('a').list({ after }))],
]

export const inputCases: readonly ConformanceCase[] = [
  ...refusals.map(
    ([description, field, values, call]): ConformanceCase => ({
      group,
      name: `refuses ${description}, and writes nothing`,
      async run({ open }) {
        const store = await open()
        for (const value of values) {
          const error = await refused(() => call(store, wrong(value)), 'invalid-input')
          assert.ok(
            error.field === field || error.field.startsWith(`${field}.`),
            `${error.field} is ${field}`,
          )
        }
        assert.deepEqual(await everything(store), { log: [], streams: [] })
      },
    }),
  ),
  ...readRefusals.map(
    ([what, field, values, call]): ConformanceCase => ({
      group,
      name: `refuses to read ${what} with a wrong value of ${field}`,
      async run({ open }) {
        const store = await open()
        await store.append('a', counted(2))
        for (const value of values) await refused(() => call(store, wrong(value)), 'invalid-input', { field })
      },
    }),
  ),
  {
    group,
    name: 'shows the beginning of the received value in the error',
    async run({ open }) {
      const store = await open()
      const short = await refused(
        store.append('a', [eventOfType('T', { price: Number.NaN })]),
        'invalid-input',
      )
      assert.equal(short.field, 'events[0].data.price')
      assert.match(short.received, /NaN/)
      assert.match(short.message, /events\[0\]\.data\.price.*NaN/)
      const long = await refused(store.append('n'.repeat(100_000), counted(1)), 'invalid-input')
      assert.match(long.received, /nnn/)
      assert.ok(long.received.length < 100)
      assert.match(long.message, /512/)
    },
  },
  {
    group,
    name: 'refuses events that are too large for one call, and records them in smaller calls',
    async run({ open }) {
      const store = await open()
      const events = range(1, 66).map(() => eventOfType('T', 'x'.repeat(1_040_000)))
      await refused(store.append('a', events), 'invalid-input', { field: 'events' })
      assert.equal((await store.readStream('a')).exists, false)
      await store.append('a', events.slice(0, 8))
      assert.equal((await store.readStream('a')).version, 8)
    },
  },
]
