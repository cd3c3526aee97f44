/** Readers that a caller ends while they wait: `return()` must not wait for what the reader waits for. */
import { Readable } from 'node:stream'
import { memoryStore, projection, type RecordedEvent } from '@eventsourced/core'
import { eventStore } from '@eventsourced/core/storage'
import { describe, expect, it } from 'vitest'
import { memoryStorage } from '../src/memory/store.ts'
import { InlineProjections } from '../src/projection/inline.ts'
import type { Storage } from '../src/storage/storage.ts'

const never = () => new Promise<never>(() => {})

/** A store whose database does not answer reads of pages. */
function silentStore() {
  const silent: Partial<Storage> = {
    readLogPage: never,
    listStreams: never,
    largestStreams: never,
    listParked: never,
    listDocuments: never,
    registeredProjection: never,
  }
  return eventStore({ ...memoryStorage(new InlineProjections()), ...silent })
}

const counts = projection({
  name: 'counts',
  version: 1,
  key: () => 'all',
  initialState: () => 0,
  evolve: (count: number) => count + 1,
})

const readers = {
  'readAll()': () => silentStore().readAll(),
  'readAll({ follow })': () => silentStore().readAll({ follow: true }),
  'readAll({ follow }) at the end of the log': () => memoryStore().readAll({ follow: true }),
  'listStreams()': () => silentStore().listStreams(),
  'listStreams({ order })': () => silentStore().listStreams({ order: 'largest', limit: 1 }),
  'parked().list()': () => silentStore().parked('s').list(),
  'view().list()': () => silentStore().view(counts).list(),
  'view().list({ atLeast }) before the subscription': () =>
    memoryStore().view(counts).list({ atLeast: 1, timeout: 3_600_000 }),
} satisfies Record<string, () => AsyncIterable<unknown>>

// Fault: `return()` of a native generator is queued behind the `next()` that waits, perhaps for ever.
describe.each(Object.entries(readers))('%s', (_, read) => {
  it('ends when the caller calls return() while next() waits', async () => {
    const reader = read()[Symbol.asyncIterator]()
    const [first, second] = [reader.next(), reader.next()]
    await new Promise(setImmediate)
    expect(await reader.return?.('the end')).toEqual({ done: true, value: 'the end' })
    expect(await first).toEqual({ done: true, value: undefined })
    expect(await second).toEqual({ done: true, value: undefined })
    expect(await reader.next()).toEqual({ done: true, value: undefined })
  })

  it('ends when its stream is destroyed', async () => {
    for (const error of [undefined, new Error('the consumer failed')]) {
      const stream = Readable.from(read())
      stream.on('error', () => {})
      stream.read()
      await new Promise(setImmediate)
      const closed = new Promise<void>((resolve) => stream.once('close', resolve))
      stream.destroy(error)
      await closed
    }
  })

  it('reads nothing if the caller ends it first', async () => {
    const reader = read()[Symbol.asyncIterator]()
    expect(await reader.return?.()).toEqual({ done: true, value: undefined })
    expect(await reader.next()).toEqual({ done: true, value: undefined })
  })
})

it('a destroyed stream reads the log no more', async () => {
  const storage = memoryStorage(new InlineProjections())
  let reads = 0
  const readLogPage: Storage['readLogPage'] = (query, signal) => {
    reads++
    return storage.readLogPage(query, signal)
  }
  const store = eventStore({ ...storage, readLogPage })
  await store.append('a', [{ type: 'A', data: 1 }])
  const streams = Array.from({ length: 50 }, () => Readable.from(store.readAll({ follow: true })))
  for (const stream of streams) {
    const first = await new Promise((resolve) => stream.once('data', resolve))
    expect((first as RecordedEvent).position).toBe(1)
  }
  await Promise.all(
    streams.map((stream) => {
      const closed = new Promise((resolve) => stream.once('close', resolve))
      stream.destroy()
      return closed
    }),
  )
  const before = reads
  await store.append('a', [{ type: 'A', data: 2 }])
  await new Promise((resolve) => setTimeout(resolve, 300))
  expect(reads).toBe(before)
  await store.close()
})
