/**
 * Cases of imports that read ahead: the store reads the next events of the source while it writes a batch that may
 * fail.
 */
import assert from 'node:assert/strict'
import type { ImportedEvent, ImportResult, ImportSource } from '../imported-event.ts'
import type { ConformanceCase } from './case.ts'
import { logOf, numbersOf, range } from './events.ts'
import { failure, refused } from './expect.ts'
import { slowly, sourceOf, timeAt } from './source.ts'

const group = 'import ahead'

/** Sixty events in three streams. The event at `index` is older than the one before it in its stream. */
function withLate(index: number): ImportedEvent[] {
  const source = sourceOf(60, 3)
  return source.with(index, { ...source[index], recordedAt: timeAt(-1) } as ImportedEvent)
}

async function* hangingAfter(events: Iterable<ImportedEvent>) {
  yield* events
  await new Promise(() => {})
}

const kinds: readonly (readonly [string, (events: readonly ImportedEvent[]) => ImportSource])[] = [
  ['is an array', (events) => events],
  ['arrives piece by piece', slowly],
  ['hangs at its end', hangingAfter],
]

export const importAheadCases: readonly ConformanceCase[] = [
  ...kinds.map(
    ([description, from]): ConformanceCase => ({
      group,
      name: `writes nothing after a refused batch of a source that ${description}`,
      async run({ open }) {
        const store = await open()
        const progress: ImportResult[] = []
        const source = withLate(25)
        const onProgress = (step: ImportResult) => progress.push(step)
        const call = store.import(from(source), { batchSize: 10, onProgress })
        await refused(call, 'import-out-of-order', { streamId: (source[25] as ImportedEvent).streamId })
        assert.deepEqual(
          progress,
          [10, 20].map((read) => ({ read, imported: read, skipped: 0 })),
        )
        await new Promise(setImmediate)
        assert.deepEqual(numbersOf(await logOf(store)), range(1, 20))
      },
    }),
  ),
  {
    group,
    name: 'reports the error that comes first in the source',
    async run({ open }) {
      const store = await open()
      const source = withLate(15)
      const invalid = source.with(25, { ...source[25], data: Number.NaN } as ImportedEvent)
      await refused(store.import(invalid, { batchSize: 10 }), 'import-out-of-order')
      function* failing() {
        yield* source.slice(0, 25)
        throw new Error('comes later')
      }
      await refused(store.import(failing(), { batchSize: 10 }), 'import-out-of-order')
      assert.deepEqual(numbersOf(await logOf(store)), range(1, 10))
    },
  },
  {
    group,
    name: 'records and reports the batch on its way before it ends with the error of the source',
    async run({ open }) {
      const store = await open()
      const broken = new Error('the file ends here')
      for (const count of [10, 20, 35]) {
        function* failing() {
          yield* sourceOfAll.slice(0, count)
          throw broken
        }
        let reported = 0
        const onProgress = ({ read }: ImportResult) => {
          reported = read
        }
        assert.equal(await failure(store.import(failing(), { batchSize: 10, onProgress })), broken)
        assert.equal(reported, count - (count % 10))
        assert.equal((await logOf(store)).length, reported)
      }
    },
  },
  {
    group,
    name: 'reports a batch as soon as it is recorded, and ends if onProgress throws',
    async run({ open }) {
      const store = await open()
      const broken = new Error('cannot show it')
      for (const [, from] of kinds) {
        const onProgress = ({ read }: ImportResult) => {
          if (read === 20) throw broken
        }
        const call = store.import(from(sourceOfAll), { batchSize: 10, onProgress })
        assert.equal(await failure(call), broken)
        assert.deepEqual(numbersOf(await logOf(store)), range(1, 20))
      }
    },
  },
  {
    group,
    name: 'skips recorded events in the middle of a batch, and refuses their ids in another stream',
    async run({ open }) {
      const store = await open()
      const source = sourceOf(30, 3)
      const middle = source.slice(13, 17).filter(({ streamId }) => streamId !== source[0]?.streamId)
      const { length } = middle
      await store.import(middle)
      const result = await store.import(source.slice(0, 20), { clampTimes: true })
      assert.deepEqual(result, { read: 20, imported: 20 - length, skipped: length })
      const moved = source.slice(20)
      const { id = '', streamId } = source[14] as ImportedEvent
      const taken: ImportedEvent = { id, streamId: 'another', type: 'T', data: 1, recordedAt: timeAt(25) }
      const facts = { eventId: id, streamId }
      await refused(store.import(moved.toSpliced(5, 0, taken)), 'duplicate-event-id', facts)
      assert.equal((await logOf(store)).length, 20)
      assert.equal((await store.import(moved)).imported, 10)
    },
  },
]

const sourceOfAll = sourceOf(60)
