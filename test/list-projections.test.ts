/** What a list of projections asks of the database: with `counts: false` it counts no documents. */
import { projection } from '@eventsourced/core'
import { eventStore } from '@eventsourced/core/storage'
import { expect, it } from 'vitest'
import { memoryStorage } from '../src/memory/store.ts'
import { InlineProjections } from '../src/projection/inline.ts'
import { collect } from './program.ts'

const named = (name: string) =>
  projection({ name, key: () => 'all', initialState: () => 0, evolve: (count: number) => count + 1 })

it.each([
  [undefined, ['a', 'b'], [1, 1]],
  [{ counts: true }, ['a', 'b'], [1, 1]],
  [{ counts: false }, [], [undefined, undefined]],
])('listProjections(%j) counts the documents of %j', async (options, expected, documents) => {
  const storage = memoryStorage(new InlineProjections())
  const counted: string[] = []
  const store = eventStore({
    ...storage,
    countDocuments(name, signal) {
      counted.push(name)
      return storage.countDocuments(name, signal)
    },
  })
  await store.append('s', [{ type: 'T', data: 1 }])
  for (const name of ['a', 'b']) await store.runOnce({ projection: named(name) })
  const listed = await collect(store.listProjections(options))
  expect(listed.map((summary) => summary.documents)).toEqual(documents)
  expect(counted).toEqual(expected)
})
