/** The library and the database assign each stream to the same partition. */
import { postgresStore } from '@eventsourced/core/postgres'
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { partitionOf } from '../../src/storage/partition.ts'
import { freshDatabase } from './fresh-database.ts'

it('any name is in the same partition, for any number of partitions', async () => {
  const database = await freshDatabase()
  const store = postgresStore(database.url)
  try {
    await store.schema.create()
    const name = fc
      .string({ unit: 'grapheme', minLength: 1 })
      .filter((text) => !text.includes('\0') && text.isWellFormed())
    await fc.assert(
      fc.asyncProperty(name, fc.integer({ min: 1, max: 1000 }), async (streamId, count) => {
        const [row] = await database.query('select eventsourced.part_of_stream($1, $2) as part', [
          streamId,
          count,
        ])
        expect(row?.part).toBe(partitionOf(streamId, count))
      }),
    )
  } finally {
    await store.close()
    await database.drop()
  }
})
