/** Cases of snapshots: a handler or a fold that begins with a stored state must answer as one that reads all events. */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { commandHandler } from '../command/command-handler.ts'
import { decider } from '../command/decider.ts'
import { foldStream } from '../command/fold-stream.ts'
import type { SnapshotOptions } from '../command/snapshot-options.ts'
import { projection } from '../projection/projection.ts'
import type { HandlerTransaction } from '../projection/transaction.ts'
import type { EventStore } from '../store.ts'
import type { ConformanceCase } from './case.ts'
import { collect, logOf, range, streamOf, streamsOf } from './events.ts'
import { allAtOnce, failure, latch, refused } from './expect.ts'

const group = 'snapshots'
const every = 10

type Grown = { type: 'Grown'; data: { by: number } }
interface Plant {
  readonly size: number
  /** The size after each of the last events. */
  readonly last: readonly number[]
}
/** A command: grow by each of these numbers, or be refused. */
type Growth = readonly number[] | 'refuse'

class Refused extends Error {}

/** A decider, and a list of the sizes that it has decided on. */
function plantDecider() {
  const decidedOn: number[] = []
  const plant = decider({
    initialState: (): Plant => ({ size: 0, last: [] }),
    decide(growth: Growth, { size }): Grown[] {
      decidedOn.push(size)
      if (growth === 'refuse') throw new Refused(`refused at ${size}`)
      return growth.map((by) => ({ type: 'Grown', data: { by } }))
    },
    evolve: ({ size, last }, { data }) => ({
      size: size + data.by,
      last: [...last.slice(-2), size + data.by],
    }),
  })
  return { plant, decidedOn }
}

const { plant } = plantDecider()
const snapshot: SnapshotOptions<Plant> = { name: 'plant', version: 1, every, wait: true }
const ones = (count: number): number[] => range(1, count).map(() => 1)
const grown = (count: number): Grown[] => ones(count).map((by) => ({ type: 'Grown', data: { by } }))

type CommandStore = Pick<EventStore, 'append' | 'readStream' | 'snapshots'>

/** The methods that a handler needs, and a count of the events that it has read. */
function observedStore({ append, readStream, snapshots }: CommandStore) {
  const counts = { read: 0, reads: 0 }
  const store: CommandStore = {
    append,
    snapshots,
    async readStream(streamId, options) {
      const slice = await readStream(streamId, options)
      counts.reads++
      counts.read += slice.events.length
      return slice as never
    },
  }
  return { store, counts }
}

/** A handler that knows no stream, as that of a process that has just started. */
function coldHandler(given: CommandStore, options: Partial<SnapshotOptions<Plant>> = {}) {
  const { store, counts } = observedStore(given)
  const { plant, decidedOn } = plantDecider()
  const handle = commandHandler({ store, decider: plant, snapshot: { ...snapshot, ...options } })
  return { handle, counts, decidedOn }
}

/** Appends events of a stream and lets a handler write a snapshot at its end. */
async function grownStream(store: EventStore, streamId: string, count: number): Promise<void> {
  await store.append(streamId, grown(count - 1))
  await coldHandler(store).handle(streamId, [1])
  assert.equal((await store.snapshots.read('plant', streamId))?.version, count)
}

interface Content {
  format: number
  version: number
  upcasts: string
  stream: { version: number; position: number; lastId: string }
  state: unknown
}

/** Replaces the stored snapshot of a stream by a changed one. */
async function changeSnapshot(
  store: EventStore,
  streamId: string,
  change: (content: Content) => object | void,
) {
  const stored = await store.snapshots.read('plant', streamId)
  assert.ok(stored)
  const content = JSON.parse(stored.json)
  const json = JSON.stringify(change(content) ?? content)
  await store.snapshots.write('plant', streamId, { version: stored.version, json })
}

/** Asserts that the store has the right state, and a snapshot of the whole stream. */
async function assertRight(store: EventStore, streamId: string, state: Plant): Promise<void> {
  const whole = await foldStream(store, streamId, plant)
  assert.deepEqual(state, whole.state)
  const stored = await store.snapshots.read('plant', streamId)
  assert.deepEqual(JSON.parse(stored?.json ?? '').state, whole.state)
  assert.equal(stored?.version, whole.version)
}

/** Returns the warnings that the work emits with the code of a failed snapshot. */
async function warningsOf(work: () => Promise<unknown>): Promise<string[]> {
  const warnings: string[] = []
  const hear = (warning: Error & { code?: string }) => {
    if (warning.code === 'snapshot-failed') warnings.push(warning.message)
  }
  process.on('warning', hear)
  try {
    await work()
    await new Promise((resolve) => setImmediate(resolve))
  } finally {
    process.off('warning', hear)
  }
  return warnings
}

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
    name: 'keeps the latest of the snapshots that are written at once, unless that one is wrong',
    async run({ open }) {
      const store = await open()
      const write = (version: number, replaces?: number) =>
        store.snapshots.write('plant', 'a', { version, json: JSON.stringify(version) }, { replaces })
      await allAtOnce(16, (index) => write(((index * 7) % 16) + 1))
      const read = () => store.snapshots.read('plant', 'a')
      assert.deepEqual(await read(), { version: 16, json: '16' })
      await write(15)
      await write(14, 15)
      assert.deepEqual(await read(), { version: 16, json: '16' })
      await write(3, 16)
      assert.deepEqual(await read(), { version: 3, json: '3' })
      await write(3)
      await write(4, 9)
      assert.deepEqual(await read(), { version: 4, json: '4' })
    },
  },
  {
    group,
    name: 'keeps one snapshot for each name and stream, and deletes that of a stream or all of a name',
    async run({ open }) {
      const store = await open()
      const streams = ['x', 'y%', 'z#1', ...range(1, 110).map((number) => `s${number}`)]
      // More snapshots of one name than one step deletes.
      const counts = { a: 5, b: streams.length, ['__proto__']: 5 }
      const names = Object.keys(counts)
      for (const [name, count] of Object.entries(counts)) {
        for (const [index, stream] of streams.slice(0, count).entries()) {
          const json = JSON.stringify({ name, text: 'ä '.repeat(index * 10) })
          await store.snapshots.write(name, stream, { version: index + 1, json })
        }
      }
      const found = async (name: string) => {
        const all = await Promise.all(streams.map((stream) => store.snapshots.read(name, stream)))
        return all.filter((one) => one !== undefined && JSON.parse(one.json).name === name).length
      }
      assert.deepEqual(await Promise.all(names.map(found)), [5, 113, 5])
      await store.snapshots.delete('a', { streamId: 'x' })
      await store.snapshots.delete('a', { streamId: 'absent' })
      await store.snapshots.delete('b')
      await store.snapshots.delete('absent')
      assert.deepEqual(await Promise.all(names.map(found)), [4, 0, 5])
      assert.equal(await store.snapshots.read('a', 'x'), undefined)
      await store.snapshots.write('a', 'x', { version: 1, json: '1' })
      assert.deepEqual(await store.snapshots.read('a', 'x'), { version: 1, json: '1' })
    },
  },
  {
    group,
    name: 'refuses wrong input before it reads or writes',
    async run({ open }) {
      const { snapshots } = await open()
      const good = { version: 1, json: '1' }
      await refused(snapshots.read('', 'a'), 'invalid-input', { field: 'name' })
      await refused(snapshots.read('$a', 'a'), 'invalid-input', { field: 'name' })
      await refused(snapshots.write('a', '$a', good), 'invalid-input', { field: 'streamId' })
      for (const version of [0, 1.5, '1'] as number[]) {
        const work = snapshots.write('a', 'a', { ...good, version })
        await refused(work, 'invalid-input', { field: 'snapshot.version' })
      }
      for (const json of ['', '{', 'undefined', 1, undefined] as string[]) {
        await refused(snapshots.write('a', 'a', { ...good, json }), 'invalid-input', {
          field: 'snapshot.json',
        })
      }
      const wrong = snapshots.write('a', 'a', good, { replaces: 0 })
      await refused(wrong, 'invalid-input', { field: 'replaces' })
      await refused(snapshots.delete('a', { streamId: '' }), 'invalid-input', { field: 'streamId' })
      assert.equal(await snapshots.read('a', 'a'), undefined)
    },
  },
  {
    group,
    name: 'refuses wrong options, and a store that keeps no snapshots',
    async run({ open }) {
      const store = await open()
      const { append, readStream } = store
      const without = { append, readStream }
      const facts = { field: 'store' }
      await refused(
        () => commandHandler({ store: without, decider: plant, snapshot }),
        'invalid-input',
        facts,
      )
      await refused(foldStream(without, 'a', plant, { snapshot }), 'invalid-input', facts)
      const wrong = { name: '', version: 0, every: 0, wait: 1, schema: {} }
      for (const [option, value] of Object.entries(wrong)) {
        const options = { ...snapshot, [option]: value }
        const field = option === 'schema' ? "snapshot.schema['~standard'].validate" : `snapshot.${option}`
        await refused(() => commandHandler({ store, decider: plant, snapshot: options }), 'invalid-input', {
          field,
        })
        await refused(foldStream(store, 'a', plant, { snapshot: options }), 'invalid-input', { field })
      }
    },
  },
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
    name: 'does not delay a command by its snapshot, and a burst of commands writes few of them',
    async run({ open }) {
      const store = await open()
      await store.append('a', grown(30))
      const [begun, held] = [latch(), latch()]
      const written: number[] = []
      const settled: Promise<void>[] = []
      const write: EventStore['snapshots']['write'] = (...given) => {
        const work = async () => {
          written.push(given[2].version)
          begun.release()
          await held.released
          await store.snapshots.write(...given)
        }
        settled.push(work())
        return settled.at(-1) as Promise<void>
      }
      const slow = { ...store, snapshots: { ...store.snapshots, write } }
      const { handle } = coldHandler(slow, { wait: false })
      await handle('a', [1])
      await begun.released
      for (const _ of range(1, 8)) await handle('a', ones(5))
      assert.deepEqual(written, [31])
      held.release()
      for (let done = 0; done < settled.length; ) {
        await settled[done++]
        await new Promise((resolve) => setImmediate(resolve))
      }
      assert.deepEqual(written, [31, 71])
      assert.equal((await store.snapshots.read('plant', 'a'))?.version, 71)
    },
  },
  {
    group,
    name: 'writes a snapshot of the state as it was returned, although the caller then changes it',
    async run({ open }) {
      const store = await open()
      await store.append('a', grown(30))
      const { state } = await coldHandler(store, { wait: false }).handle('a', [1])
      const expected = structuredClone(state)
      Object.assign(state, { size: -1 })
      for (let tries = 0; (await store.snapshots.read('plant', 'a')) === undefined; tries++) {
        assert.ok(tries < 1_000, 'the snapshot is written soon')
        await new Promise((resolve) => setTimeout(resolve, 5))
      }
      await assertRight(store, 'a', expected)
    },
  },
  {
    group,
    name: 'turns failures to read and write snapshots into one warning, and does not try again with each command',
    async run({ open }) {
      const store = await open()
      await store.append('a', grown(30))
      let tries = 0
      const fail = async () => {
        tries++
        throw new Error('the disk is full')
      }
      const failing = { ...store, snapshots: { ...store.snapshots, write: fail } }
      const warnings = await warningsOf(async () => {
        for (const number of range(1, 8)) {
          const { state } = await coldHandler(failing).handle('a', [1])
          assert.equal(state.size, 30 + number)
        }
        assert.equal(tries, 1)
        await coldHandler(failing).handle('a', ones(5))
        assert.equal(tries, 2)
      })
      assert.equal(warnings.length, 1)
      assert.match(warnings[0] ?? '', /'plant' of stream 'a' could not be written: the disk is full/)

      await grownStream(store, 'b', 30)
      const unreadable = { ...store, snapshots: { ...store.snapshots, read: fail } }
      const others = await warningsOf(async () => {
        for (const number of range(1, 3)) {
          assert.equal((await coldHandler(unreadable).handle('b', [1])).state.size, 30 + number)
        }
      })
      assert.equal(others.length, 1)
      assert.match(others[0] ?? '', /could not be read/)
    },
  },
  {
    group,
    name: 'handles commands also if the state is too large for a snapshot, or no JSON',
    async run({ open }) {
      const store = await open()
      // Text that no compression makes short.
      const text = (length: number) =>
        range(1, Math.ceil(length / 64))
          .map((number) => createHash('sha256').update(String(number)).digest('hex'))
          .join('')
      for (const [name, extra] of Object.entries({ large: text(900_000), none: new Map([[1, 2]]) })) {
        const odd = decider({
          ...plant,
          initialState: () => ({ size: 0, last: [], extra: undefined as unknown }),
          decide: (by: number, _): Grown => ({ type: 'Grown', data: { by } }),
          evolve: ({ size }, { data }) => ({ size: size + data.by, last: [], extra }),
        })
        for (const number of range(1, 4)) {
          const options = { name, version: 1, every: 2, wait: true }
          const handle = commandHandler({ store, decider: odd, snapshot: options })
          const { state, version } = await handle(name, number)
          assert.deepEqual([state.size, version], [(number * (number + 1)) / 2, number])
        }
      }
    },
  },
  {
    group,
    name: 'answers as the state cache does, when other handlers append and write snapshots',
    async run({ open }) {
      const store = await open()
      const handlers = [0, 10, 10].map((cacheSize) =>
        commandHandler({ store, decider: plant, cacheSize, snapshot: { ...snapshot, every: 2 } }),
      )
      let size = 0
      for (const round of range(0, 20)) {
        for (const growth of [[1, round % 3], [], [2]]) {
          const handle = handlers[(round * 2 + growth.length) % 3] ?? assert.fail()
          size += growth.reduce((sum, by) => sum + by, 0)
          const { state } = await handle(
            'a',
            growth,
            round % 4 === 0 ? { commandId: `${round} ${growth}` } : {},
          )
          assert.equal(state.size, size)
        }
      }
      await assertRight(
        store,
        'a',
        (await foldStream(store, 'a', plant, { snapshot: { ...snapshot, every: 1 } })).state,
      )
    },
  },
  ...([[], ['shared-data']] as const).map(
    (needs): ConformanceCase => ({
      group,
      name: `loses nothing among 16 callers with cold handlers on ${needs.length === 0 ? 'one store' : 'two stores'}`,
      needs,
      async run({ open }) {
        const first = await open()
        const stores = needs.length === 0 ? [first, first] : [first, await open()]
        await allAtOnce(16, async (caller) => {
          for (const round of range(1, 4)) {
            const store = stores[caller % 2] ?? assert.fail()
            const options = { ...snapshot, every: 1 + (caller % 3), wait: caller % 4 === 0 }
            const handle = commandHandler({ store, decider: plant, retries: 1_000, snapshot: options })
            await handle('a', [1, 1], caller % 2 === 0 ? { commandId: `${caller} ${round}` } : {})
          }
        })
        const { state, version } = await foldStream(first, 'a', plant)
        assert.deepEqual([state.size, version], [128, 128])
        const cold = await coldHandler(first, { every: 1 }).handle('a', [1])
        assert.equal(cold.state.size, 129)
        await assertRight(first, 'a', cold.state)
      },
    }),
  ),
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
