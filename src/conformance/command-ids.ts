/**
 * Cases of the event ids that a command id gives to its events. A store may keep the ids of one command in one place, so
 * the cases mix commands with appends and imports that have such ids.
 */
import assert from 'node:assert/strict'
import { commandEventId } from '../command/caused-events.ts'
import { commandHandler } from '../command/command-handler.ts'
import { decider } from '../command/decider.ts'
import { projection } from '../projection/projection.ts'
import type { ConformanceCase } from './case.ts'
import { type Counted, counted, everything, identified, logOf, range, streamOf } from './events.ts'
import { allAtOnce, refused } from './expect.ts'

const group = 'command ids'

/** A command is the number of events to decide. */
const counter = decider({
  initialState: () => 0,
  decide: (count: number): Counted[] => counted(count),
  evolve: (sum, _event: Counted) => sum + 1,
})

/** Returns events with the ids that a command gives to its events from index `from` to `to`, both inclusive. */
const ofCommand = (stream: string, commandId: string, from: number, to: number) =>
  range(from, to).map((index) => ({
    type: 'Counted',
    data: { number: index },
    id: commandEventId(stream, commandId, index),
  }))

export const commandIdCases: readonly ConformanceCase[] = [
  {
    group,
    name: 'handles a command once when 12 handlers at once decide on other numbers of events',
    async run({ open }) {
      const store = await open()
      for (const expectedVersion of ['any', undefined] as const) {
        const stream = `s-${expectedVersion}`
        const results = await allAtOnce(12, (caller) => {
          const handle = commandHandler({ store, decider: counter, retries: 20 })
          return handle(stream, 1 + 4 * caller, { commandId: 'x', expectedVersion })
        })
        assert.equal(results.filter(({ deduplicated }) => !deduplicated).length, 1)
        for (const { events } of results) assert.deepEqual(events, results[0]?.events)
        assert.deepEqual(await streamOf(store, stream), results[0]?.events)
      }
    },
  },
  {
    group,
    name: 'handles a command once when callers send it at once through four stores',
    needs: ['shared-data'],
    async run({ open }) {
      const stores = await allAtOnce(4, () => open())
      const handlers = stores.map((store) => commandHandler({ store, decider: counter, retries: 20 }))
      const results = await allAtOnce(12, (caller) =>
        (handlers[caller % 4] ?? assert.fail())('a', 1 + caller, { commandId: 'x', expectedVersion: 'any' }),
      )
      assert.equal(results.filter(({ deduplicated }) => !deduplicated).length, 1)
      for (const { events } of results) assert.deepEqual(events, results[0]?.events)
      const [store] = stores
      assert.deepEqual(await logOf(store ?? assert.fail()), results[0]?.events)
    },
  },
  {
    group,
    name: 'handles a mix of new and repeated commands and appends at once, each as if it were alone',
    async run({ open }) {
      const store = await open()
      const handle = commandHandler({ store, decider: counter, retries: 20 })
      const first = await handle('a', 3, { commandId: 'x' })
      const plain = allAtOnce(6, (caller) => store.append(`s-${caller % 3}`, counted(2)))
      const own = allAtOnce(3, (caller) => store.append('a', identified(1 + caller)))
      const unnamed = allAtOnce(4, () => handle('a', 1, { expectedVersion: 'any' }))
      const named = await allAtOnce(16, (caller) => {
        const options = { commandId: caller < 8 ? 'x' : `y-${caller}`, expectedVersion: 'any' } as const
        return handle(caller % 2 === 0 ? 'a' : 'b', 1 + caller, options)
      })
      await Promise.all([plain, own, unnamed])
      for (const [caller, { events, deduplicated }] of named.entries()) {
        if (caller >= 8) {
          assert.equal(deduplicated, false)
          assert.equal(events.length, 1 + caller)
        } else if (caller % 2 === 0) assert.deepEqual(events, first.events)
        else assert.deepEqual(events, named[1]?.events)
      }
      // Of the named commands, four repeat the first one of 'a', four are one command of 'b', and eight are new.
      const inA = first.events.length + (1 + 2 + 3) + 4 + (9 + 11 + 13 + 15)
      assert.equal((await store.readStream('a')).version, inA)
      const inB = (named[1]?.events.length ?? 0) + (10 + 12 + 14 + 16)
      assert.equal((await store.readStream('b')).version, inB)
      const ids = new Set((await logOf(store)).map(({ id }) => id))
      assert.equal(ids.size, 12 + inA + inB)
    },
  },
  {
    group,
    name: 'finds each event of a command by its id, as for an append with ids of the caller',
    async run({ open }) {
      const store = await open()
      await store.append('a', counted(2))
      await commandHandler({ store, decider: counter })('a', 40, { commandId: 'x' })
      await store.append('a', counted(1))
      const recorded = (await streamOf(store, 'a')).slice(2, 42)
      const before = await everything(store)
      for (const [from, to] of [
        [0, 39],
        [0, 0],
        [1, 1],
        [14, 17],
        [33, 39],
      ] as const) {
        const again = await store.append('a', ofCommand('a', 'x', from, to), { expectedVersion: 0 })
        assert.deepEqual(again, {
          streamId: 'a',
          firstVersion: 3 + from,
          version: 3 + to,
          position: recorded[to]?.position,
          positions: recorded.slice(from, to + 1).map(({ position }) => position),
          recordedAt: recorded[0]?.recordedAt,
          deduplicated: true,
        })
      }
      for (const index of [0, 15, 16, 39]) {
        const events = ofCommand('a', 'x', index, index)
        const facts = { eventId: commandEventId('a', 'x', index), streamId: 'a' }
        await refused(store.append('b', events), 'duplicate-event-id', facts)
        await refused(store.append('a', [...counted(1), ...events]), 'duplicate-event-id', facts)
      }
      assert.deepEqual(await everything(store), before)
    },
  },
  {
    group,
    name: 'imports no event of a command a second time, and handles a command that was imported only once',
    async run({ open }) {
      const store = await open()
      const handle = commandHandler({ store, decider: counter })
      await handle('a', 20, { commandId: 'x' })
      await handle('b', 2, { commandId: 'x' })
      const exported = await logOf(store)
      for (const batchSize of [3, 500]) {
        const result = await store.import(exported, { batchSize })
        assert.deepEqual(result, { read: 22, imported: 0, skipped: 22 })
      }
      const source = ofCommand('c', 'y', 0, 24).map((event) => ({ ...event, streamId: 'c' }))
      for (const [to, imported] of [
        [5, 5],
        [5, 0],
        [18, 13],
        [25, 7],
      ] as const) {
        assert.equal((await store.import(source.slice(0, to), { batchSize: 4 })).imported, imported)
      }
      const again = await handle('c', 3, { commandId: 'y' })
      assert.deepEqual(again.events, await streamOf(store, 'c'))
      assert.equal(again.deduplicated, true)
    },
  },
  {
    group,
    name: 'accepts neighbouring ids in several streams, at once and in one call, and blames the right append',
    async run({ open }) {
      const store = await open()
      const [taken] = ofCommand('z', 'x', 7, 7)
      const first = await store.append('s-7', [taken ?? assert.fail()])
      const results = await allAtOnce(16, (index) =>
        store.append(`s-${index}`, ofCommand('z', 'x', index, index)),
      )
      for (const [index, result] of results.entries()) {
        assert.equal(result.deduplicated, index === 7)
        assert.equal(result.version, 1)
      }
      assert.deepEqual({ ...results[7], deduplicated: false }, first)
      const appends = range(0, 39).map((index) => ({
        streamId: `t-${index % 4}-${index}`,
        events: ofCommand('z', 'y', index, index),
      }))
      const together = await store.appendAll(appends)
      assert.deepEqual(
        (await store.appendAll(appends)).map((result) => ({ ...result, deduplicated: false })),
        together,
      )
      for (const { streamId, version, position } of together) {
        assert.equal(version, 1)
        assert.equal((await streamOf(store, streamId))[0]?.position, position)
      }
      assert.equal((await logOf(store)).length, 56)
    },
  },
  {
    group,
    name: 'runs no inline projection for a repeated command',
    async run({ open }) {
      let runs = 0
      const sums = projection({
        name: 'sums',
        key: () => 'all',
        initialState: () => 0,
        evolve: (sum: number, _event) => {
          runs++
          return sum + 1
        },
      })
      const store = await open({ inline: [sums] })
      const handle = commandHandler({ store, decider: counter })
      await handle('a', 3, { commandId: 'x' })
      const before = runs
      await store.append('a', ofCommand('a', 'x', 0, 2))
      await store.append('a', ofCommand('a', 'x', 1, 1))
      assert.equal((await handle('a', 2, { commandId: 'x' })).deduplicated, true)
      assert.equal(runs, before)
      assert.equal((await store.view(sums).get('all'))?.state, 3)
    },
  },
]
