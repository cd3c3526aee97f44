/** Importing a whole log, compared with one COPY of the same rows. */
import { randomUUID } from 'node:crypto'
import { postgresStore } from '@eventsourced/core/postgres'
import type { Case, Contestant } from '../case.ts'
import { copyEvents, type EventRow } from '../contestants/copy.ts'
import { countLimitEvents, createLimitTables } from '../contestants/limit-table.ts'
import { ours } from '../contestants/ours.ts'
import { expectCount, withClient } from '../database.ts'
import { readLog, withLogFile } from '../event-log.ts'

export const importCases: readonly Case[] = [
  {
    name: 'import-real',
    group: 'import',
    work: 'a log of 262,200 events in 13,087 streams, against one COPY into the format before stream keys',
    unit: 'events/s',
    better: 'higher',
    target: 0.35,
    rounds: 3,
    ours: importer('eventsourced', async (file, { url, directUrl }) => {
      const store = postgresStore(url)
      await store.schema.create()
      const begin = performance.now()
      const { imported } = await store.import(readLog(file), { name: 'bench', clampTimes: true })
      const seconds = (performance.now() - begin) / 1000
      await store.close()
      await expectCount(directUrl, ours.countEvents, imported, 'eventsourced')
      return imported / seconds
    }),
    peer: importer('COPY', async (file, { url, directUrl }) => {
      await createLimitTables(directUrl)
      let copied = 0
      const seconds = await withClient(url, async (client) => {
        const begin = performance.now()
        await copyEvents(
          client,
          rowsOf(file, () => copied++),
        )
        return (performance.now() - begin) / 1000
      })
      await expectCount(directUrl, countLimitEvents, copied, 'COPY')
      return copied / seconds
    }),
  },
]

/** Imports the whole log in each round, into new tables. */
function importer(
  name: string,
  importLog: (file: string, context: { url: string; directUrl: string }) => Promise<number>,
): Contestant {
  return {
    name,
    async setUp(context) {
      return {
        async turn() {
          await withClient(context.directUrl, (client) =>
            client.query('drop schema if exists eventsourced, bench cascade'),
          )
          return { value: await withLogFile((file) => importLog(file, context)) }
        },
        async tearDown() {},
      }
    },
  }
}

async function* rowsOf(file: string, onRow: () => void): AsyncGenerator<EventRow> {
  const versions = new Map<string, number>()
  let position = 0
  for await (const event of readLog(file)) {
    const version = (versions.get(event.streamId) ?? 0) + 1
    versions.set(event.streamId, version)
    onRow()
    yield { ...event, position: ++position, version, eventId: randomUUID(), metadata: undefined }
  }
}
