/** Cases of snapshots: a handler or a fold that begins with a stored state answers as one that reads all events. */
import assert from 'node:assert/strict'
import { defineEvents, payload } from '../catalogue/define-events.ts'
import type { EventDefinitions } from '../catalogue/definitions.ts'
import { foldStream } from '../command/fold-stream.ts'
import type { Event } from '../event.ts'
import { projection } from '../projection/projection.ts'
import type { HandlerTransaction } from '../projection/transaction.ts'
import type { EventStore } from '../store.ts'
import type { ConformanceCase } from './case.ts'
import { collect, logOf, range, streamOf, streamsOf } from './events.ts'
import { failure, refused } from './expect.ts'
import {
  assertRight,
  type Content,
  changeSnapshot,
  coldHandler,
  type Grown,
  type Growth,
  group,
  grown,
  grownStream,
  observedStore,
  ones,
  type Plant,
  plant,
  Refused,
  snapshot,
  warningsOf,
} from './snapshot-plant.ts'

const wrongContents: Readonly<Record<string, (content: Content) => object | void>> = {
  'whose last event has another id': (content) => {
    content.stream.lastId = '00000000-0000-4000-8000-000000000000'
    content.state = { size: -1, last: [] }
  },
  'of another version of the fold': (content) => ({ ...content, version: 2, state: { size: -1, last: [] } }),
  'of other upcasts': (content) => ({ ...content, upcasts: 'x', state: { size: -1, last: [] } }),
  'of another format': (content) => ({ ...content, format: 2, state: { size: -1, last: [] } }),
  'that is about another version of the stream': (content) => {
    content.stream.version--
    content.state = { size: -1, last: [] }
  },
  'without a state': ({ format, version, upcasts, stream }) => ({ format, version, upcasts, stream }),
  'that is no object': () => [1],
  'without facts about the stream': (content) => ({ ...content, stream: null }),
}

export const snapshotCases: readonly ConformanceCase[] = [
  {
    group,
    name: 'lets a process that knows no stream read few events of a long one',
    async run({ open }) {
      const store = await open()
      await store.append('a', grown(200))
      for (const [command, read] of [
        [1, 214],
        [2, 14],
        [3, 14],
      ] as const) {
        const { handle, counts, decidedOn } = coldHandler(store)
        const { state, version, events, position } = await handle('a', [command, 1])
        assert.equal(counts.read, read)
        assert.equal(decidedOn.length, 1)
        const stream = await streamOf(store, 'a')
        assert.deepEqual(events, stream.slice(-2))
        assert.deepEqual([version, position], [200 + 2 * command, stream.at(-1)?.position])
        assert.deepEqual(state, (await foldStream(store, 'a', plant)).state)
      }
      assert.equal((await store.snapshots.read('plant', 'a'))?.version, 202)
      await coldHandler(store).handle('a', ones(4))
      assert.equal((await store.snapshots.read('plant', 'a'))?.version, 202)
      await coldHandler(store).handle('a', ones(2))
      assert.equal((await store.snapshots.read('plant', 'a'))?.version, 212)
    },
  },
  {
    group,
    name: 'finds a snapshot that is older than the last events, also the event just before them',
    async run({ open }) {
      const store = await open()
      for (const more of [12, 13, 14, 15, 60]) {
        const stream = `after ${more}`
        await grownStream(store, stream, 30)
        await store.append(stream, grown(more))
        const { handle, counts } = coldHandler(store)
        const { state } = await handle(stream, [5])
        assert.ok(counts.read <= 14 + more + 1)
        await assertRight(store, stream, state)
      }
    },
  },
  {
    group,
    name: 'is never among the events, the streams or the projections, and no name of a user reaches it',
    async run({ open }) {
      const store = await open()
      await grownStream(store, 'a', 30)
      assert.equal((await logOf(store)).length, 30)
      assert.deepEqual(
        (await streamsOf(store)).map(({ streamId }) => streamId),
        ['a'],
      )
      assert.deepEqual(await collect(store.listProjections()), [])
      const name = '$snapshots:plant'
      await refused(() => store.view(name), 'invalid-input', { field: 'projection' })
      await refused(store.dropProjection(name), 'invalid-input', { field: 'name' })
      const handle = () => {}
      await refused(() => projection({ name, handle }), 'invalid-input', { field: 'name' })
      const subscription = store.runOnce({
        name: 'writer',
        transactional: true,
        onError: { retries: 0 },
        async handle(_, { tx }: { readonly tx: HandlerTransaction }) {
          await tx.documents(name).put('a', 1)
        },
      })
      const error = (await failure(subscription)) as Error
      assert.match(String(error.cause ?? error), /must not begin with \$/)
      await assertRight(store, 'a', (await foldStream(store, 'a', plant, { snapshot })).state)
    },
  },
  ...Object.entries(wrongContents).map(
    ([what, change]): ConformanceCase => ({
      group,
      name: `ignores and replaces a snapshot ${what}`,
      async run({ open }) {
        const store = await open()
        for (const length of [12, 40]) {
          for (const growth of [[1], [], 'refuse'] as const) {
            const stream = `${length} ${growth}`
            await grownStream(store, stream, length)
            await changeSnapshot(store, stream, change)
            const { handle, decidedOn } = coldHandler(store)
            if (growth === 'refuse') {
              assert.ok((await failure(handle(stream, growth))) instanceof Refused)
              await coldHandler(store).handle(stream, [])
            } else await assertRight(store, stream, (await handle(stream, growth)).state)
            assert.deepEqual(decidedOn, [length])
            await assertRight(store, stream, (await coldHandler(store).handle(stream, [])).state)
          }
        }
      },
    }),
  ),
  {
    group,
    name: 'ignores and replaces a snapshot whose text is no JSON',
    async run({ open }) {
      const store = await open()
      await grownStream(store, 'a', 40)
      const read = async () => ({ version: 40, json: '{"format":1,' })
      const damaged = { ...store, snapshots: { ...store.snapshots, read } }
      const { state } = await coldHandler(damaged).handle('a', [3])
      await assertRight(store, 'a', state)
    },
  },
  {
    group,
    name: 'ignores and replaces a state that the schema refuses, and takes the value that it returns',
    async run({ open }) {
      const store = await open()
      await grownStream(store, 'a', 40)
      const schemaOf = (most: number) => ({
        '~standard': {
          version: 1 as const,
          vendor: 'test',
          async validate(value: unknown) {
            const state = value as Plant
            if (state.size > most) return { issues: [{ message: 'too large' }] }
            return { value: { ...state, last: state.last.map((size) => size) } }
          },
        },
      })
      const accepting = coldHandler(store, { schema: schemaOf(100) })
      assert.equal((await accepting.handle('a', [])).state.size, 40)
      assert.equal(accepting.counts.read, 14)
      const refusing = coldHandler(store, { schema: schemaOf(30) })
      await assertRight(store, 'a', (await refusing.handle('a', [1])).state)
      assert.equal(refusing.counts.read, 14 + 40)
      const throwing = {
        '~standard': {
          ...schemaOf(0)['~standard'],
          validate() {
            throw new Error('cannot validate')
          },
        },
      }
      const handler = coldHandler(store, { schema: throwing })
      const warnings = await warningsOf(async () => {
        assert.equal((await handler.handle('a', [1])).state.size, 42)
      })
      assert.match(warnings.join(), /could not be read: cannot validate/)
      assert.equal(warnings.length, 1)
    },
  },
  {
    group,
    name: 'are not written of a state that is undefined, and are short also for a large catalogue',
    async run({ open }) {
      const types = range(1, 200).map((number) => `Type${number}`)
      const schemas = Object.fromEntries(['Grown', ...types].map((type) => [type, payload<unknown>()]))
      const upcasts = Object.fromEntries(types.map((type) => [`Old${type}`, type]))
      const events = defineEvents(schemas, { upcasts: upcasts as never }) as EventDefinitions<Event>
      const store = await open({ events })
      await store.append('a', grown(30))
      const nothing = { initialState: () => undefined, evolve: () => undefined }
      const warnings = await warningsOf(async () => {
        await foldStream(store, 'a', nothing, {
          snapshot: { name: 'nothing', version: 1, wait: true, every: 1 },
        })
      })
      assert.match(
        warnings.join(),
        /'nothing' of stream 'a' could not be written: the snapshot.state must be/,
      )
      assert.equal(await store.snapshots.read('nothing', 'a'), undefined)
      const count = { initialState: () => 0, evolve: (state: number) => state + 1 }
      await foldStream(store, 'a', count, { snapshot: { name: 'count', version: 1, wait: true, every: 1 } })
      const { json = '' } = (await store.snapshots.read('count', 'a')) ?? {}
      assert.ok(json.length > 0 && json.length < 400, json)
    },
  },
  ...[5, 13, 29, 30, 31, 80].map(
    (size): ConformanceCase => ({
      group,
      name: `notices a restored database, with ${size} other events in place of 30`,
      async run({ open }) {
        const store = await open()
        for (const growth of [[1], [], 'refuse'] as const) {
          for (const commandId of [undefined, 'x']) {
            const [before, after] = [`before ${growth} ${commandId}`, `after ${growth} ${commandId}`]
            await grownStream(store, before, 30)
            const old = await store.snapshots.read('plant', before)
            assert.ok(old)
            await store.append(
              after,
              range(1, size).map(() => ({ type: 'Grown', data: { by: 2 } })),
            )
            await store.snapshots.write('plant', after, old)
            const { handle, decidedOn } = coldHandler(store)
            if (growth === 'refuse') {
              const error = (await failure(handle(after, growth, { commandId }))) as Error
              assert.equal(error.message, `refused at ${2 * size}`)
            } else await assertRight(store, after, (await handle(after, growth, { commandId })).state)
            assert.deepEqual(decidedOn, [2 * size])
            await assertRight(store, after, (await coldHandler(store).handle(after, [])).state)
            await store.snapshots.delete('plant')
          }
        }
      },
    }),
  ),
  {
    group,
    name: 'recognises a command that was handled before the snapshot, whatever it would decide now',
    async run({ open }) {
      const store = await open()
      const first = await coldHandler(store).handle('a', [7, 7], { commandId: 'x' })
      for (const length of [8, 200]) {
        await store.append('a', grown(length))
        for (const growth of [[7, 7], [7], [7, 7, 7], [], 'refuse'] as const) {
          for (const expectedVersion of [undefined, 0, 'noStream', 'any'] as const) {
            const { handle, decidedOn } = coldHandler(store)
            const again = await handle('a', growth, { commandId: 'x', expectedVersion })
            assert.deepEqual([again.events, again.deduplicated], [first.events, true])
            assert.deepEqual(again.state, (await foldStream(store, 'a', plant)).state)
            assert.ok(decidedOn.length <= 1)
          }
        }
      }
      assert.equal((await streamOf(store, 'a')).length, 210)
    },
  },
  {
    group,
    name: 'reads all events before it answers a command with an id that decides nothing, is refused, or expects another version',
    async run({ open }) {
      const store = await open()
      await grownStream(store, 'a', 40)
      const readBy = async (growth: Growth, options: { commandId?: string; expectedVersion?: number }) => {
        const { handle, counts, decidedOn } = coldHandler(store)
        const outcome = await handle('a', growth, options).catch((error: unknown) => error)
        assert.ok(decidedOn.length <= 1)
        return [counts.read, outcome instanceof Error ? outcome.name : 'done']
      }
      const whole = 14 + 40
      assert.deepEqual(await readBy([], { commandId: 'x' }), [whole, 'done'])
      assert.deepEqual((await readBy('refuse', { commandId: 'x' }))[0], whole)
      assert.deepEqual(await readBy([], {}), [14, 'done'])
      assert.deepEqual((await readBy('refuse', {}))[0], 14)
      assert.deepEqual(await readBy([1], { commandId: 'x', expectedVersion: 39 }), [
        whole,
        'WrongExpectedVersionError',
      ])
      assert.deepEqual(await readBy([1], { expectedVersion: 39 }), [14, 'WrongExpectedVersionError'])
      assert.deepEqual(await readBy([1], { commandId: 'x', expectedVersion: 40 }), [14, 'done'])
      assert.equal((await streamOf(store, 'a')).length, 41)
    },
  },
  {
    group,
    name: 'serves foldStream for the present state, and never for one of the past',
    async run({ open }) {
      const given = await open()
      const { store, counts } = observedStore(given)
      await given.append('a', grown(60))
      const present = await foldStream(given, 'a', plant)
      for (const read of [14 + 60, 14]) {
        counts.read = 0
        assert.deepEqual(await foldStream(store, 'a', plant, { snapshot }), present)
        assert.equal(counts.read, read)
      }
      await changeSnapshot(given, 'a', (content) => ({ ...content, state: { size: -1, last: [] } }))
      const asOf = new Date('2300-01-01T00:00:00Z')
      assert.deepEqual(await foldStream(store, 'a', plant, { snapshot, asOf }), present)
      assert.equal((await foldStream(store, 'a', plant, { snapshot, toVersion: 60 })).state.size, 60)
      assert.equal((await foldStream(store, 'a', plant, { snapshot, toVersion: 20 })).state.size, 20)
      const absent = await foldStream(store, 'absent', plant, { snapshot })
      assert.deepEqual(absent, { state: { size: 0, last: [] }, version: 0, exists: false })
      assert.equal(await given.snapshots.read('plant', 'absent'), undefined)
      await given.createStream('empty')
      assert.equal((await foldStream(store, 'empty', plant, { snapshot })).exists, true)
    },
  },
  {
    group,
    name: 'returns the events of a command that expects any version, beyond the last events that it read',
    async run({ open }) {
      const store = await open()
      await grownStream(store, 'a', 40)
      const append: EventStore['append'] = async (streamId, events, options) => {
        await store.append(streamId, grown(30))
        const result = await store.append(streamId, events as Grown[], options)
        await store.append(streamId, grown(30))
        return result
      }
      const { handle } = coldHandler({ ...store, append })
      const { state, version, events } = await handle('a', [4, 5], { expectedVersion: 'any' })
      assert.deepEqual([state.size, version], [109, 102])
      assert.deepEqual(events, (await streamOf(store, 'a')).slice(70, 72))
    },
  },
]
