/** Rebuilding a view over a whole log, compared with the same fold written by hand. */
import { projection, type RecordedEvent } from '@eventsourced/core'
import { postgresStore } from '@eventsourced/core/postgres'
import type { BenchContext, Case } from '../case.ts'
import { emptyApplication, evolveApplication } from '../contestants/applications.ts'
import { foldByHand } from '../contestants/fold-by-hand.ts'
import { countOf, expectCount } from '../database.ts'
import { readLog, withLogFile } from '../event-log.ts'

const applications = projection({
  name: 'applications',
  key: ({ streamId }: RecordedEvent) => streamId,
  initialState: emptyApplication,
  evolve: (state, { type, data }) => evolveApplication(state, type, data),
})

export const rebuildCases: readonly Case[] = [
  {
    name: 'rebuild',
    group: 'projection',
    work: 'a view of 13,087 documents over the log of import-real, against the same fold by hand: a cursor of bare `pg` and batched upserts',
    unit: 'events/s',
    better: 'higher',
    target: 0.7,
    rounds: 3,
    ours: {
      name: 'eventsourced',
      async setUp(context) {
        const { url, streams } = await imported(context)
        const store = postgresStore(url)
        return {
          async turn() {
            const { events, duration } = await store.rebuild(applications)
            await expectCount(url, 'select count(*) from eventsourced.views', streams, 'eventsourced')
            return { value: events / (duration / 1000) }
          },
          tearDown: () => store.close(),
        }
      },
    },
    peer: {
      name: 'by hand',
      async setUp(context) {
        const { url, streams } = await imported(context)
        return {
          async turn() {
            const begin = performance.now()
            const events = await foldByHand(url)
            const seconds = (performance.now() - begin) / 1000
            await expectCount(url, 'select count(*) from applications', streams, 'by hand')
            return { value: events / seconds }
          },
          async tearDown() {},
        }
      },
    },
  },
]

async function imported({
  shared,
}: BenchContext): Promise<{ readonly url: string; readonly streams: number }> {
  const url = await shared('imported-log', importLog)
  return { url, streams: await countOf(url, 'select count(*) from eventsourced.streams') }
}

async function importLog(url: string): Promise<void> {
  const store = postgresStore(url)
  await withLogFile((file) => store.import(readLog(file), { name: 'bench', clampTimes: true }))
  await store.close()
}
