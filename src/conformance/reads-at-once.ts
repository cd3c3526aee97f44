/**
 * Cases of many concurrent reads: a store may send them to the database in groups, but each caller gets its own answer.
 */
import assert from 'node:assert/strict'
import type { ReadStreamOptions } from '../reads.ts'
import type { ConformanceCase } from './case.ts'
import { counted, identified, numbersOf, range, streamOf } from './events.ts'
import { allAtOnce, failure } from './expect.ts'
import { windowOf } from './read-stream.ts'

const group = 'reads at once'

export const readsAtOnceCases: readonly ConformanceCase[] = [
  {
    group,
    name: 'answers each read of different, equal, empty and missing streams as if it were the only one',
    async run({ open }) {
      const store = await open()
      for (const number of range(1, 30)) await store.append(`s-${number}`, counted(number, 100 * number))
      await store.createStream('empty')
      const slices = await allAtOnce(200, (caller) => store.readStream(`s-${caller % 40}`))
      for (const [caller, { streamId, version, exists, events }] of slices.entries()) {
        const number = caller % 40
        assert.equal(streamId, `s-${number}`)
        assert.equal(exists, number >= 1 && number <= 30)
        assert.equal(version, exists ? number : 0)
        assert.deepEqual(numbersOf(events), range(100 * number, 100 * number + version - 1))
      }
      const [one, empty, two] = await Promise.all(
        ['s-3', 'empty', 's-3'].map((streamId) => store.readStream(streamId)),
      )
      assert.deepEqual(empty, { streamId: 'empty', version: 0, exists: true, events: [] })
      assert.deepEqual(one, two)
      // A reader that changes its events must not change those of another reader.
      one?.events[0]?.recordedAt.setTime(0)
      assert.notDeepEqual(one, two)
    },
  },
  {
    group,
    name: 'returns to each reader exactly the window that it asked for',
    async run({ open }) {
      const store = await open()
      const time = (index: number) => new Date(Date.UTC(2021, 0, 1) + index)
      for (const [streamId, length] of [
        ['short', 5],
        ['a hundred', 100],
        ['long', 230],
      ] as const) {
        const events = identified(length)
        await store.import(events.map((event, index) => ({ ...event, streamId, recordedAt: time(index) })))
      }
      const edges = [1, 2, 99, 100, 101, 102, 200, 229, 230, 231]
      const windows: (ReadStreamOptions & { readonly streamId: string })[] = []
      for (const streamId of ['short', 'a hundred', 'long']) {
        for (const direction of ['forward', 'backward'] as const) {
          windows.push({ streamId, direction })
          for (const edge of edges) {
            windows.push({ streamId, direction, fromVersion: edge })
            windows.push({ streamId, direction, toVersion: edge })
            windows.push({ streamId, direction, limit: edge })
            windows.push({ streamId, direction, asOf: time(edge - 1) })
            windows.push({ streamId, direction, asOf: time(edge), limit: 3, fromVersion: 2, toVersion: edge })
          }
        }
      }
      const slices = await allAtOnce(windows.length, (index) => {
        const { streamId, ...options } = windows[index] as (typeof windows)[number]
        return store.readStream(streamId, options)
      })
      for (const [index, { streamId, ...options }] of windows.entries()) {
        const all = await streamOf(store, streamId)
        assert.deepEqual(
          slices[index]?.events,
          windowOf(all, options),
          JSON.stringify({ streamId, ...options }),
        )
        assert.equal(slices[index]?.version, all.length)
      }
    },
  },
  {
    group,
    name: 'returns to each reader at least the events that were appended before its call',
    async run({ open }) {
      const store = await open()
      const appended = new Map<string, number>()
      await allAtOnce(24, async (caller) => {
        const streamId = `s-${caller % 8}`
        for (const _ of range(1, 12)) {
          if (caller < 8) appended.set(streamId, (await store.append(streamId, counted(1))).version)
          const least = appended.get(streamId) ?? 0
          const { version, events } = await store.readStream(streamId)
          assert.ok(version >= least, `version ${version} was read after ${least} was there`)
          assert.deepEqual(
            events.map((event) => event.version),
            range(1, version),
          )
        }
      })
    },
  },
  {
    group,
    name: 'answers all other reads when a reader aborts its own',
    async run({ open }) {
      const store = await open()
      await allAtOnce(40, (caller) => store.append(`s-${caller}`, counted(2, caller)))
      const reason = new Error('given up')
      await allAtOnce(120, async (caller) => {
        const controller = new AbortController()
        const read = store.readStream(`s-${caller % 40}`, { signal: controller.signal })
        if (caller % 6 === 0) controller.abort(reason)
        if (caller % 6 === 3) setImmediate(() => controller.abort(reason))
        const outcome = await read.catch((error: unknown) => error)
        // The store may have answered before the signal was aborted.
        if (caller % 3 === 0 && outcome === reason) return
        assert.deepEqual(numbersOf((await read).events), [caller % 40, (caller % 40) + 1])
      })
    },
  },
  {
    group,
    name: 'answers all reads when one stream is much larger than the others',
    async run({ open }) {
      const store = await open()
      const dataOf = (number: number) => ({ number, filling: String(number % 10).repeat(400_000) })
      for (const from of [1, 16]) {
        const events = range(from, from + 14).map((number) => ({ type: 'Counted', data: dataOf(number) }))
        await store.append('large', events)
      }
      await store.append('small', counted(3))
      const slices = await allAtOnce(12, (caller) => store.readStream(caller % 4 === 1 ? 'large' : 'small'))
      for (const [caller, { events }] of slices.entries()) {
        assert.deepEqual(numbersOf(events), caller % 4 === 1 ? range(1, 30) : [1, 2, 3])
        if (caller % 4 === 1)
          assert.ok(events.every(({ data }, index) => hasSameFilling(data, dataOf(index + 1))))
      }
    },
  },
  {
    group,
    name: 'refuses a wrong window only to its caller, and answers the other reads',
    async run({ open }) {
      const store = await open()
      await store.append('a', counted(2))
      await allAtOnce(40, async (caller) => {
        const read = () => store.readStream('a', { limit: caller % 4 })
        if (caller % 4 === 0) assert.match(String(await failure(read)), /limit/)
        else assert.equal((await read()).events.length, Math.min(2, caller % 4))
      })
    },
  },
]

function hasSameFilling(data: unknown, expected: { readonly filling: string }): boolean {
  return (data as { filling: string }).filling === expected.filling
}
