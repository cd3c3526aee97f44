/**
 * Cases with many concurrent callers, through one store and through four stores on the same data. The events must
 * always come into one order without a gap.
 */
import assert from 'node:assert/strict'
import type { ExpectedVersion } from '../expected-version.ts'
import type { EventStore } from '../store.ts'
import type { ConformanceCase, ConformanceContext } from './case.ts'
import { counted, identified, logOf, range, streamOf } from './events.ts'
import { allAtOnce, appendInTurn, atOnce, refused } from './expect.ts'

const group = 'races'
const callers = 32

/** Returns the store that a caller uses. */
type StoreOf = (caller: number) => EventStore

/** Returns two cases: the race through one store, and through four stores on the same data. */
function race(name: string, run: (storeOf: StoreOf, open: ConformanceContext['open']) => Promise<void>) {
  const alone: ConformanceCase = {
    group,
    name,
    async run({ open }) {
      const store = await open()
      await run(() => store, open)
    },
  }
  const shared: ConformanceCase = {
    group,
    name: `${name}, through four stores on the same data`,
    needs: ['shared-data'],
    async run({ open }) {
      const stores = await allAtOnce(4, () => open())
      await run((caller) => stores[caller % 4] as EventStore, open)
    },
  }
  return [alone, shared]
}

/** All callers expect the same version of one stream. Only the first append can meet it. */
function oneWinner(
  description: string,
  expectedVersion: ExpectedVersion,
  version: number,
  arrange: (store: EventStore) => Promise<unknown>,
): ConformanceCase[] {
  return race(`lets exactly one of ${callers} appends win that expect ${description}`, async (storeOf) => {
    await arrange(storeOf(0))
    const { results, errors } = await atOnce(callers, (caller) =>
      storeOf(caller).append('a', counted(2, caller * 10), { expectedVersion }),
    )
    assert.equal(results.length, 1, errors.map(String).join('\n'))
    assert.equal(results[0]?.firstVersion, version + 1)
    for (const error of errors) {
      const facts = { streamId: 'a', expected: expectedVersion, actual: version + 2 }
      await refused(Promise.reject(error), 'wrong-expected-version', facts)
    }
    assert.equal((await storeOf(1).readStream('a')).version, version + 2)
    assert.equal((await logOf(storeOf(2))).length, version + 2)
  })
}

/** All callers expect something that stays true, so that all appends succeed. */
function allSucceed(
  expectedVersion: 'any' | 'streamExists',
  arrange: (store: EventStore) => Promise<unknown>,
) {
  return race(`makes all of ${callers} appends that expect '${expectedVersion}'`, async (storeOf) => {
    await arrange(storeOf(0))
    const results = await allAtOnce(callers, (caller) =>
      storeOf(caller).append('a', counted(1, caller), { expectedVersion }),
    )
    const byVersion = results.toSorted((a, b) => a.version - b.version)
    assert.deepEqual(
      byVersion.map(({ version }) => version),
      range(1, callers),
    )
    const events = await streamOf(storeOf(3), 'a')
    assert.deepEqual(
      events.map(({ position }) => position),
      byVersion.map(({ position }) => position),
    )
    assert.deepEqual(await logOf(storeOf(2)), events)
  })
}

export const raceCases: readonly ConformanceCase[] = [
  ...oneWinner("'noStream' of a missing stream", 'noStream', 0, async () => {}),
  ...oneWinner('version 0 of a missing stream', 0, 0, async () => {}),
  ...oneWinner('version 0 of a created stream', 0, 0, (store) => store.createStream('a')),
  ...oneWinner('the present version', 3, 3, (store) => store.append('a', counted(3))),
  ...allSucceed('any', async () => {}),
  ...allSucceed('streamExists', (store) => store.createStream('a')),
  ...race('lets exactly one append win on each of many streams at once', async (storeOf) => {
    const streams = range(1, 20).map((number) => `stream-${number}`)
    const { results, errors } = await atOnce(streams.length * 8, (call) =>
      storeOf(call).append(streams[call % streams.length] as string, counted(1), {
        expectedVersion: 'noStream',
      }),
    )
    assert.deepEqual(results.map(({ streamId }) => streamId).sort(), streams.toSorted())
    for (const error of errors) {
      await refused(Promise.reject(error), 'wrong-expected-version', { expected: 'noStream', actual: 1 })
    }
    assert.equal((await logOf(storeOf(0))).length, streams.length)
  }),
  ...race('creates a stream for exactly one of 16 callers', async (storeOf) => {
    const { results, errors } = await atOnce(16, (caller) =>
      storeOf(caller).createStream('a', { metadata: { caller } }),
    )
    assert.equal(results.length, 1, errors.map(String).join('\n'))
    for (const error of errors) {
      await refused(Promise.reject(error), 'stream-already-exists', { streamId: 'a', version: 0 })
    }
    assert.deepEqual(await storeOf(1).streamInfo('a'), results[0])
  }),
  ...race("lets either createStream or an append with 'noStream' win, never both", async (storeOf) => {
    for (const streamId of range(1, 10).map(String)) {
      const { results, errors } = await atOnce(8, async (caller) => {
        if (caller % 2 === 0) return storeOf(caller).createStream(streamId)
        return storeOf(caller).append(streamId, counted(1), { expectedVersion: 'noStream' })
      })
      assert.equal(results.length, 1, errors.map(String).join('\n'))
      const { version } = await storeOf(0).readStream(streamId)
      assert.equal(results[0]?.version, version)
      for (const error of errors) {
        const code = error instanceof Error && 'code' in error ? error.code : error
        assert.ok(code === 'wrong-expected-version' || code === 'stream-already-exists', String(error))
      }
    }
  }),
  ...race(
    'loses no update when callers read, decide, append, and retry after a conflict',
    async (storeOf) => {
      // Each event says which version it was decided on.
      await allAtOnce(8, async (caller) => {
        for (const _ of range(1, 10))
          await appendInTurn(storeOf(caller), 'a', (version) => counted(1, version))
      })
      const events = await streamOf(storeOf(0), 'a')
      assert.deepEqual(
        events.map(({ data }) => data),
        range(0, 79).map((number) => ({ number })),
      )
    },
  ),
  ...race('keeps the events of each call together in their stream', async (storeOf) => {
    const calls = range(1, 40).map((call) => identified(1 + (call % 5), call * 100))
    const results = await allAtOnce(calls.length, (call) =>
      storeOf(call).append(call % 3 === 0 ? 'a' : 'b', calls[call] ?? []),
    )
    for (const [call, { streamId, firstVersion, version, positions }] of results.entries()) {
      const { events } = await storeOf(0).readStream(streamId, {
        fromVersion: firstVersion,
        toVersion: version,
      })
      assert.deepEqual(
        events.map(({ id }) => id),
        calls[call]?.map(({ id }) => id),
      )
      assert.deepEqual(
        events.map(({ position }) => position),
        positions,
      )
    }
  }),
  ...race('always returns the version of the last event as the version of a stream', async (storeOf) => {
    await storeOf(0).append('a', counted(5500))
    let done = false
    const writing = (async () => {
      for (const number of range(1, 40)) await storeOf(1).append('a', counted(1 + (number % 3)))
      done = true
    })()
    while (!done) {
      const { events, version } = await storeOf(2).readStream('a')
      assert.equal(events.length, version)
      assert.equal(events.at(-1)?.version, version)
      const last = await storeOf(2).readStream('a', { direction: 'backward', limit: 1 })
      assert.equal(last.events[0]?.version, last.version)
    }
    await writing
  }),
]
