/** Cases of writing snapshots: when, what, and what happens if that fails or races. */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { commandHandler } from '../command/command-handler.ts'
import { decider } from '../command/decider.ts'
import { foldStream } from '../command/fold-stream.ts'
import type { EventStore } from '../store.ts'
import type { ConformanceCase } from './case.ts'
import { range } from './events.ts'
import { allAtOnce, latch, refused } from './expect.ts'
import {
  assertRight,
  coldHandler,
  type Grown,
  group,
  grown,
  grownStream,
  ones,
  plant,
  snapshot,
  warningsOf,
} from './snapshot-plant.ts'

export const snapshotWriteCases: readonly ConformanceCase[] = [
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
]
