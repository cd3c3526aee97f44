/** Cases of repeated commands, which a handler recognises by their command id, and of `foldStream`. */
import assert from 'node:assert/strict'
import { commandEventId } from '../command/caused-events.ts'
import { decider } from '../command/decider.ts'
import { foldStream } from '../command/fold-stream.ts'
import type { Event } from '../event.ts'
import { onEachHandler } from './caching.ts'
import type { ConformanceCase } from './case.ts'
import { counted, logOf, range, streamOf } from './events.ts'
import { allAtOnce, type Latch, latch, refused } from './expect.ts'
import { account } from './handle.ts'

type Grown = { type: 'Grown'; data: { size: number } }

interface Grow {
  /** The decision waits until this latch is released. */
  readonly until?: Latch
  /** The decision releases this latch when it begins. */
  readonly begun?: Latch
  /** The number of events to decide. @default one more than the stream has */
  readonly count?: number
}

const plant = decider({
  initialState: () => 0,
  async decide({ until, begun, count }: Grow, size): Promise<Grown[]> {
    begun?.release()
    await until?.released
    return range(1, count ?? size + 1).map((number) => ({ type: 'Grown', data: { size: size + number } }))
  },
  evolve: (size, _event) => size + 1,
})

const againCases = onEachHandler((handlerOf) => [
  {
    group: 'commands again',
    name: 'returns the events of the first time for a repeated command id, also after later events',
    async run({ open }) {
      const store = await open()
      const handle = handlerOf({ store, decider: plant })
      const first = await handle('a', {}, { commandId: 'x' })
      assert.equal(first.events.length, 1)
      const second = await handle('a', {}, { commandId: 'y' })
      assert.equal(second.events.length, 2)
      await store.append('a', counted(3))
      for (const [commandId, { events }] of [
        ['x', first],
        ['y', second],
      ] as const) {
        for (const expectedVersion of [undefined, 'any', 'noStream', 1] as const) {
          const again = await handle('a', {}, { commandId, expectedVersion })
          assert.deepEqual(again.events, events)
          assert.equal(again.deduplicated, true)
          assert.equal(again.version, 6)
          assert.equal(again.state, 6)
          assert.equal(again.position, (await streamOf(store, 'a')).at(-1)?.position)
        }
      }
      assert.equal((await logOf(store)).length, 6)
    },
  },
  {
    group: 'commands again',
    name: 'handles the same command id in another stream as another command',
    async run({ open }) {
      const store = await open()
      const handle = handlerOf({ store, decider: plant })
      for (const id of ['a', 'b', 'a ']) {
        assert.equal((await handle(id, {}, { commandId: 'x' })).deduplicated, false)
      }
      assert.equal((await logOf(store)).length, 3)
    },
  },
  {
    group: 'commands again',
    name: 'handles a command once when 16 callers send it at once, and returns the same events to all',
    async run({ open }) {
      const store = await open()
      const handle = handlerOf({ store, decider: plant, retries: 20 })
      for (const commandId of ['x', 'y', 'z']) {
        const results = await allAtOnce(16, () => handle('a', {}, { commandId }))
        assert.equal(results.filter(({ deduplicated }) => !deduplicated).length, 1)
        for (const { events, version, state } of results) {
          assert.deepEqual(events, results[0]?.events)
          assert.equal(version, results[0]?.version)
          assert.equal(state, version)
        }
      }
      assert.equal((await logOf(store)).length, 7)
    },
  },
  ...[1, 2, 3].map(
    (count): ConformanceCase => ({
      group: 'commands again',
      name: `returns the 2 recorded events also to a concurrent repeat that has decided on ${count}`,
      async run({ open }) {
        const store = await open()
        // Two handlers, because the commands of one handler take turns on a stream.
        const [handle, other] = [handlerOf({ store, decider: plant }), handlerOf({ store, decider: plant })]
        const [until, begun] = [latch(), latch()]
        const twin = other('a', { until, begun, count }, { commandId: 'x' })
        await begun.released
        await store.append('a', [{ type: 'Grown', data: { size: 1 } }])
        const first = await handle('a', { count: 2 }, { commandId: 'x' })
        await store.append('a', [{ type: 'Grown', data: { size: 4 } }])
        until.release()
        const { events, deduplicated, version, state } = await twin
        assert.deepEqual(events, first.events)
        assert.equal(events.length, 2)
        assert.deepEqual({ deduplicated, version, state }, { deduplicated: true, version: 4, state: 4 })
        assert.equal((await store.readStream('a')).version, 4)
      },
    }),
  ),
  {
    group: 'commands again',
    name: 'ends with an error, and does not retry for ever, when reads never show the recorded events',
    async run({ open }) {
      const store = await open()
      const first = await handlerOf({ store, decider: plant })('a', { count: 2 }, { commandId: 'x' })
      await store.append('a', counted(1))
      // A store wrapper that always returns an old read, as a wrong cache does.
      const readStream = <E extends Event>(stream: string) => store.readStream<E>(stream, { toVersion: 0 })
      const handle = handlerOf({ store: { ...store, readStream }, decider: plant })
      await refused(handle('a', { count: 2 }, { commandId: 'x' }), 'store-unavailable')
      assert.equal((await store.readStream('a')).version, first.version + 1)
    },
  },
  ...[0, 1].map(
    (index): ConformanceCase => ({
      group: 'commands again',
      name: `refuses a command when another event has taken the id of its event ${index}`,
      async run({ open }) {
        const store = await open()
        const handle = handlerOf({ store, decider: plant })
        const id = commandEventId('a', 'x', index)
        await store.append(index === 0 ? 'b' : 'a', [{ id, type: 'Grown', data: { size: 1 } }])
        const work = handle('a', { count: 2 }, { commandId: 'x' })
        await refused(work, 'duplicate-event-id', { eventId: id })
      },
    }),
  ),
  {
    group: 'commands again',
    name: 'accepts every valid text as a command id',
    async run({ open }) {
      const store = await open()
      const handle = handlerOf({ store, decider: plant })
      for (const commandId of ['', ' ', '__proto__', 'é', 'e\u0301', "'", 'x'.repeat(10_000), '😀']) {
        assert.equal((await handle(`s-${commandId.length}`, {}, { commandId })).deduplicated, false)
        assert.equal((await handle(`s-${commandId.length}`, {}, { commandId })).deduplicated, true)
      }
      await refused(handle('a', {}, { commandId: 'a\0' }), 'invalid-input')
    },
  },
])

const foldingCases: readonly ConformanceCase[] = [
  {
    group: 'folding',
    name: 'returns the state at every version and as of every time',
    async run({ open }) {
      const store = await open()
      const at = (index: number) => new Date(Date.UTC(2022, 0, 1) + index * 60_000)
      await store.import(
        range(1, 8).map((index) => ({
          streamId: 'account-1',
          type: index % 4 === 0 ? 'Withdrawn' : 'Deposited',
          data: { amount: index },
          recordedAt: at(index),
        })),
        { name: 'history' },
      )
      let balance = 0
      for (const version of range(0, 8)) {
        balance += version % 4 === 0 ? -version : version
        const expected = { state: { balance, moves: version }, version, exists: true }
        assert.deepEqual(await foldStream(store, 'account-1', account, { toVersion: version }), expected)
        assert.deepEqual(await foldStream(store, 'account-1', account, { asOf: at(version) }), expected)
        const between = new Date(at(version).getTime() + 59_999)
        assert.deepEqual(await foldStream(store, 'account-1', account, { asOf: between }), expected)
      }
      assert.deepEqual(await foldStream(store, 'account-1', account, { toVersion: 99 }), {
        state: { balance, moves: 8 },
        version: 8,
        exists: true,
      })
    },
  },
  {
    group: 'folding',
    name: 'returns the initial state of streams that are missing or empty',
    async run({ open }) {
      const store = await open()
      await store.createStream('created')
      const initial = { state: { balance: 0, moves: 0 }, version: 0 }
      assert.deepEqual(await foldStream(store, 'missing', account), { ...initial, exists: false })
      assert.deepEqual(await foldStream(store, 'created', account), { ...initial, exists: true })
    },
  },
]

export const commandAgainCases: readonly ConformanceCase[] = [...againCases, ...foldingCases]
