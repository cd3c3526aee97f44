/** Cases of `import`: what the store keeps of a log from elsewhere, and in which order it records the events. */
import assert from 'node:assert/strict'
import type { ImportedEvent, ImportResult } from '../imported-event.ts'
import { uuidv7 } from '../uuid.ts'
import type { ConformanceCase } from './case.ts'
import { everything, logOf, numbersOf, range, streamOf } from './events.ts'
import { slowly, sourceOf, timeAt } from './source.ts'

const group = 'import'

export const importCases: readonly ConformanceCase[] = [
  {
    group,
    name: 'keeps ids, types, payloads, metadata, tags and times',
    async run({ open }) {
      const store = await open()
      const source: ImportedEvent[] = range(0, 9).map((index) => ({
        streamId: index % 2 === 0 ? 'a' : 'b',
        id: uuidv7(),
        type: `Type ${index % 3}`,
        data: { index, text: `é${index}` },
        metadata: index % 4 === 0 ? {} : { userId: `u${index}`, custom: [index] },
        tags: index % 3 === 0 ? [] : [`t:${index}`, 'x'],
        recordedAt: timeAt(index),
      }))
      const result = await store.import(source)
      assert.deepEqual(result, { read: 10, imported: 10, skipped: 0 })
      const found = (await logOf(store)).map(({ position: _, version: __, ...event }) => event)
      assert.deepEqual(found, source)
      const info = await store.streamInfo('a')
      assert.equal(info?.version, 5)
      assert.deepEqual(info?.lastRecordedAt, timeAt(8))
    },
  },
  {
    group,
    name: 'assigns positions in the order of the source, across streams and batches',
    async run({ open }) {
      const store = await open()
      const source = sourceOf(500)
      await store.import(source, { batchSize: 64 })
      const log = await logOf(store)
      assert.deepEqual(numbersOf(log), range(1, 500))
      for (const streamId of range(0, 6).map((stream) => `s-${stream}`)) {
        const events = await streamOf(store, streamId)
        assert.deepEqual(
          events,
          log.filter((event) => event.streamId === streamId),
        )
        assert.deepEqual(
          events.map(({ version }) => version),
          range(1, events.length),
        )
      }
    },
  },
  {
    group,
    name: 'imports a source that arrives piece by piece, and one that is larger than a batch',
    async run({ open }) {
      const store = await open()
      assert.equal((await store.import(slowly(sourceOf(50)), { batchSize: 8 })).imported, 50)
      const result = await store.import(
        sourceOf(5200, 500).map((event) => ({ ...event, streamId: `${event.streamId}x` })),
      )
      assert.equal(result.imported, 5200)
      assert.equal((await logOf(store)).length, 5250)
    },
  },
  {
    group,
    name: 'reports its progress after every batch',
    async run({ open }) {
      const store = await open()
      const source = sourceOf(25)
      const progress: ImportResult[] = []
      await store.import(source.slice(0, 5))
      const result = await store.import(source, { batchSize: 10, onProgress: (step) => progress.push(step) })
      assert.deepEqual(progress, [
        { read: 10, imported: 5, skipped: 5 },
        { read: 20, imported: 15, skipped: 5 },
        { read: 25, imported: 20, skipped: 5 },
      ])
      assert.deepEqual(result, progress[2])
    },
  },
  {
    group,
    name: 'does nothing for an empty source',
    async run({ open }) {
      const store = await open()
      assert.deepEqual(await store.import([]), { read: 0, imported: 0, skipped: 0 })
      assert.deepEqual(await everything(store), { log: [], streams: [] })
    },
  },
  {
    group,
    name: 'appends to streams that exist, also to created and empty ones',
    async run({ open }) {
      const store = await open()
      await store.createStream('created', { metadata: { owner: 'u' } })
      await store.import([{ ...sourceOf(1)[0], streamId: 'a', type: 'Old', data: 1, recordedAt: timeAt(0) }])
      await store.import(
        ['a', 'created', 'a'].map((streamId, index) => ({
          streamId,
          type: 'New',
          data: index,
          id: uuidv7(),
          recordedAt: timeAt(index),
        })),
      )
      assert.equal((await store.readStream('a')).version, 3)
      const info = await store.streamInfo('created')
      assert.equal(info?.version, 1)
      assert.deepEqual(info?.metadata, { owner: 'u' })
      assert.deepEqual(info?.lastRecordedAt, timeAt(1))
    },
  },
]
