/** Cases of concurrent imports, and of imports while other callers append. */
import assert from 'node:assert/strict'
import type { EventStore } from '../store.ts'
import { uuidv7 } from '../uuid.ts'
import type { ConformanceCase } from './case.ts'
import { counted, logOf, numbersOf, range, streamOf } from './events.ts'
import { allAtOnce } from './expect.ts'
import { slowly, sourceOf } from './source.ts'

const group = 'import in races'

export const importRaceCases: readonly ConformanceCase[] = [
  ...([false, true] as const).map(
    (shared): ConformanceCase => ({
      group,
      name: `records every event once when ${shared ? 'four stores' : 'four calls'} import the same source at once`,
      ...(shared && { needs: ['shared-data'] }),
      async run({ open }) {
        const stores = shared ? await allAtOnce(4, () => open()) : Array(4).fill(await open())
        const source = sourceOf(200)
        const results = await allAtOnce(4, (run) =>
          (stores[run] as EventStore).import(run % 2 === 0 ? slowly(source) : source, {
            batchSize: 11 + 6 * run,
          }),
        )
        assert.equal(
          results.reduce((sum, { imported }) => sum + imported, 0),
          200,
        )
        for (const { read, imported, skipped } of results) {
          assert.equal(read, 200)
          assert.equal(imported + skipped, 200)
        }
        // A batch must not be recorded before all events that stand before it in the source.
        assert.deepEqual(numbersOf(await logOf(stores[0] as EventStore)), range(1, 200))
      },
    }),
  ),
  {
    group,
    name: 'imports in order while other callers append to the same streams',
    async run({ open }) {
      const store = await open()
      const source = range(1, 120).map((number) => ({
        streamId: `s-${number % 3}`,
        type: 'Counted',
        data: { number },
        id: uuidv7(),
        recordedAt: new Date(Date.now() - 3_600_000),
      }))
      const [result] = await Promise.all([
        store.import(slowly(source), { batchSize: 5, clampTimes: true }),
        allAtOnce(60, (call) => store.append(`s-${call % 3}`, counted(1, 1000 + call))),
      ])
      assert.equal(result.imported, 120)
      for (const stream of range(0, 2)) {
        const events = await streamOf(store, `s-${stream}`)
        assert.equal(events.length, 60)
        const imported = numbersOf(events).filter((number) => number < 1000)
        assert.deepEqual(
          imported,
          imported.toSorted((a, b) => a - b),
        )
        const times = events.map(({ recordedAt }) => recordedAt.getTime())
        assert.deepEqual(
          times,
          times.toSorted((a, b) => a - b),
        )
      }
      assert.equal((await logOf(store)).length, 180)
    },
  },
  {
    group,
    name: 'imports from readAll of the same data, and finds nothing new',
    needs: ['shared-data'],
    async run({ open }) {
      const store = await open()
      for (const number of range(1, 30)) await store.append(`s-${number % 4}`, counted(2, 2 * number - 1))
      // The target has the same data, so every event is already recorded.
      const target = await open()
      const result = await target.import(store.readAll(), { batchSize: 9 })
      assert.deepEqual(result, { read: 60, imported: 0, skipped: 60 })
    },
  },
]
