/** The log in memory. A page must end: a search for rare events in a long log would keep the event loop busy. */
import { expect, it } from 'vitest'
import { memoryStorage } from '../src/memory/store.ts'
import { InlineProjections } from '../src/projection/inline.ts'
import { type LogQuery, wholeLog } from '../src/storage/log-query.ts'

const eventCount = 120_000
const positionsPerPage = 50_000

it('a page of the log in memory ends after 50,000 positions, in both directions', async () => {
  const storage = memoryStorage(new InlineProjections())
  const events = Array.from({ length: eventCount }, (_, index) => ({
    id: `id-${index}`,
    idFrom: 'library' as const,
    type: index === 0 || index === eventCount - 1 ? 'Rare' : 'Common',
    data: '{}',
    metadata: '{}',
    tags: [],
  }))
  await storage.append([{ streamId: 'a', expectedVersion: 'any', events }])

  async function pages(query: Partial<LogQuery>, next: (through: number) => Partial<LogQuery>) {
    const ends: string[] = []
    for (let more = query; ; ) {
      const page = await storage.readLogPage({ ...wholeLog, types: ['Rare'], limit: 10, ...more })
      ends.push(`${page.through}: ${page.events.map(({ position }) => position)}`)
      if (!page.full) return ends
      more = { ...query, ...next(page.through) }
    }
  }

  const forward = await pages({}, (through) => ({ after: through }))
  expect(forward).toEqual([
    `${positionsPerPage}: 1`,
    `${2 * positionsPerPage}: `,
    `${eventCount}: ${eventCount}`,
  ])
  const backward = await pages({ direction: 'backward' }, (through) => ({ until: through - 1 }))
  expect(backward).toEqual([`70001: ${eventCount}`, '20001: ', '0: 1'])
})
