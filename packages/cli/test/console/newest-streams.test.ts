/** The newest streams of a log whose end belongs to one stream, or to a few. */
import { memoryStore } from '@eventsourced/core'
import { expect, it } from 'vitest'
import { console } from '../../src/console/console.ts'
import { streamPageShape } from '../../src/console/shapes/stream.ts'
import type { AnyStore } from '../../src/target/known.ts'
import { ask } from './api.ts'

/** The store, and how many events of the log were read. */
function counted(store: AnyStore) {
  const counts = { read: 0 }
  async function* readAll(...options: Parameters<AnyStore['raw']['readAll']>) {
    for await (const event of store.raw.readAll(...options)) {
      counts.read++
      yield event
    }
  }
  return { counts, store: { ...store, raw: { ...store.raw, readAll } } as AnyStore }
}

const events = (count: number) =>
  Array.from({ length: count }, (_, number) => ({ type: 'Noted', data: number }))

async function newest(store: AnyStore, limit: number): Promise<readonly string[]> {
  const app = console({ store })
  const found: string[] = []
  let after: string | undefined
  do {
    const page = await ask(app, streamPageShape, '/streams', { order: 'newest', limit, after })
    found.push(...page.streams.map(({ streamId }) => streamId))
    after = page.next
  } while (after !== undefined)
  await app.close()
  return found
}

it('are found behind 60,000 events of one stream without reading them all', async () => {
  const store: AnyStore = memoryStore()
  const expected: string[] = []
  for (let index = 0; index < 60; index++) {
    await store.append(`order-${index}`, events(1))
    expected.unshift(`order-${index}`)
  }
  for (let count = 0; count < 60; count++) await store.append('hot', events(1_000))
  const { store: watched, counts } = counted(store)
  expect(await newest(watched, 50)).toEqual(['hot', ...expected])
  expect(counts.read).toBeLessThan(5_000)
})

it('miss no stream between the parts of a long one', async () => {
  const store: AnyStore = memoryStore()
  const expected = ['hot']
  for (let part = 0; part < 12; part++) {
    await store.append('hot', events(part * 400 + 1))
    await store.append(`order-${part}`, events(1))
    expected.splice(1, 0, `order-${part}`)
  }
  await store.append('hot', events(3_000))
  expect(await newest(store, 5)).toEqual(expected)
})
