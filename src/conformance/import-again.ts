/** Cases of imports that run again or end in the middle: the store records every event once, and loses none. */
import assert from 'node:assert/strict'
import type { ImportedEvent } from '../imported-event.ts'
import type { ConformanceCase } from './case.ts'
import { everything, identified, logOf, numbersOf, range, streamOf } from './events.ts'
import { failure, refused } from './expect.ts'
import { slowly, sourceOf } from './source.ts'

const group = 'import again'

function withoutIds(count: number): ImportedEvent[] {
  return sourceOf(count).map(({ id: _, ...event }) => event)
}

export const importAgainCases: readonly ConformanceCase[] = [
  {
    group,
    name: 'imports nothing a second time, with any size of batches',
    async run({ open }) {
      const store = await open()
      const source = sourceOf(60)
      await store.import(source, { batchSize: 25 })
      const before = await everything(store)
      for (const batchSize of [7, 60, 5000]) {
        assert.deepEqual(await store.import(source, { batchSize }), { read: 60, imported: 0, skipped: 60 })
      }
      assert.deepEqual(await everything(store), before)
    },
  },
  {
    group,
    name: 'recognises events without ids by the name of the import and their place in the source',
    async run({ open }) {
      const store = await open()
      const source = withoutIds(30)
      await refused(store.import(source), 'invalid-input', { field: 'source[0].id' })
      assert.deepEqual(await logOf(store), [])
      assert.equal((await store.import(source, { name: 'shop' })).imported, 30)
      assert.equal((await store.import(source, { name: 'shop', batchSize: 4 })).imported, 0)
      // The source now has more events at its end.
      const grown = [...source, ...withoutIds(40).slice(30)]
      assert.deepEqual(await store.import(grown, { name: 'shop' }), { read: 40, imported: 10, skipped: 30 })
      const other = source.map((event) => ({ ...event, streamId: `other-${event.streamId}` }))
      assert.equal((await store.import(other, { name: 'other' })).imported, 30)
      const ids = new Set((await logOf(store)).map(({ id }) => id))
      assert.equal(ids.size, 70)
    },
  },
  {
    group,
    name: 'resumes where it stopped when the source failed in the middle',
    async run({ open }) {
      const store = await open()
      const source = withoutIds(100)
      const broken = new Error('the file ends here')
      for (const stop of [5, 37, 64]) {
        async function* failing() {
          yield* source.slice(0, stop)
          throw broken
        }
        assert.equal(await failure(store.import(failing(), { name: 'n', batchSize: 10 })), broken)
        // The store has recorded whole batches only.
        assert.equal((await logOf(store)).length, Math.floor(stop / 10) * 10)
      }
      assert.deepEqual(await store.import(source, { name: 'n' }), { read: 100, imported: 40, skipped: 60 })
      assert.deepEqual(numbersOf(await logOf(store)), range(1, 100))
    },
  },
  {
    group,
    name: 'resumes where it stopped when it refused an event, and writes nothing of that batch',
    async run({ open }) {
      const store = await open()
      const source = sourceOf(30)
      const bad = source.with(25, { ...source[25], data: Number.NaN } as ImportedEvent)
      await refused(store.import(bad, { batchSize: 10 }), 'invalid-input', { field: 'source[25].data' })
      assert.deepEqual(numbersOf(await logOf(store)), range(1, 20))
      assert.equal((await store.import(source, { batchSize: 10 })).imported, 10)
      assert.deepEqual(numbersOf(await logOf(store)), range(1, 30))
    },
  },
  {
    group,
    name: 'ends with the reason of the signal between batches, and while it waits for the source',
    async run({ open }) {
      const store = await open()
      const reason = new Error('given up')
      const source = sourceOf(50)
      const controller = new AbortController()
      const onProgress = ({ read }: { read: number }) => {
        if (read === 20) controller.abort(reason)
      }
      const { signal } = controller
      const error = await failure(store.import(slowly(source), { batchSize: 10, onProgress, signal }))
      assert.equal(error, reason)
      assert.deepEqual(numbersOf(await logOf(store)), range(1, 20))

      async function* stuck() {
        yield* source
        await new Promise(() => {})
      }
      const waiting = new AbortController()
      const call = store.import(stuck(), { batchSize: 10, signal: waiting.signal })
      while ((await logOf(store)).length < 50) await new Promise(setImmediate)
      waiting.abort(reason)
      assert.equal(await failure(call), reason)
      assert.equal((await store.import(source)).imported, 0)
    },
  },
  {
    group,
    name: 'copies each event when the source yields it, so that the source may reuse its objects',
    async run({ open }) {
      const store = await open()
      const source = sourceOf(12)
      function* reusing() {
        const event = {
          streamId: 'a',
          type: 'T',
          data: { number: 0 },
          id: '',
          recordedAt: new Date(),
          tags: [''],
        }
        for (const { id, recordedAt } of source) {
          event.data.number++
          event.recordedAt.setTime(recordedAt?.getTime() ?? 0)
          event.tags[0] = `t${event.data.number}`
          event.id = id ?? ''
          yield event
        }
      }
      await store.import(reusing(), { batchSize: 5 })
      assert.deepEqual(
        (await streamOf(store, 'a')).map(({ data, recordedAt, tags }) => ({ data, recordedAt, tags })),
        source.map(({ data, recordedAt }, index) => ({ data, recordedAt, tags: [`t${index + 1}`] })),
      )
    },
  },
  {
    group,
    name: 'closes the source when it fails, as for … of does',
    async run({ open }) {
      const store = await open()
      let ended = 0
      function* source() {
        try {
          yield* sourceOf(3)
          yield { streamId: '', type: 'T', data: 1 }
          yield* sourceOf(3)
        } finally {
          ended++
        }
      }
      await refused(store.import(source()), 'invalid-input', { field: 'source[3].streamId' })
      assert.equal(ended, 1)
    },
  },
  {
    group,
    name: 'skips an event that the source holds twice, in one batch and in two',
    async run({ open }) {
      const store = await open()
      const source = sourceOf(10)
      const doubled = [
        ...source.slice(0, 6),
        ...source.slice(2, 6),
        ...source.slice(6),
        ...source.slice(0, 3),
      ]
      assert.deepEqual(await store.import(doubled, { batchSize: 7 }), { read: 17, imported: 10, skipped: 7 })
      assert.deepEqual(numbersOf(await logOf(store)), range(1, 10))
      const others = sourceOf(4).map((event) => ({ ...event, streamId: 'other' }))
      const result = await store.import([...others, ...others])
      assert.deepEqual(result, { read: 8, imported: 4, skipped: 4 })
    },
  },
  {
    group,
    name: 'refuses an event id of another stream in the store, in the batch or in an earlier batch',
    async run({ open }) {
      const store = await open()
      const [first, second] = identified(2)
      assert.ok(first !== undefined && second !== undefined)
      await store.append('a', [first])
      const inStore = [
        { ...second, streamId: 'b' },
        { ...first, streamId: 'b' },
      ]
      await refused(store.import(inStore), 'duplicate-event-id', { eventId: first.id, streamId: 'a' })
      assert.equal((await store.readStream('b')).exists, false)
      const inSource = [
        { ...second, streamId: 'c' },
        { ...second, streamId: 'd' },
      ]
      for (const batchSize of [10, 1]) {
        const call = store.import(inSource, { batchSize })
        await refused(call, 'duplicate-event-id', { eventId: second.id, streamId: 'c' })
        assert.equal((await store.readStream('d')).exists, false)
      }
    },
  },
  {
    group,
    name: 'skips events that were appended, and recognises imported events in a later append',
    async run({ open }) {
      const store = await open()
      const events = identified(4)
      await store.append('a', events.slice(0, 2))
      const source = events.map((event) => ({ ...event, streamId: 'a' }))
      assert.deepEqual(await store.import(source), { read: 4, imported: 2, skipped: 2 })
      const again = await store.append('a', events, { expectedVersion: 'noStream' })
      assert.equal(again.deduplicated, true)
      assert.equal(again.version, 4)
    },
  },
]
