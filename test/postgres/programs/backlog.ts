/** Handles a long backlog, or reads it with `readAll`, and reports by how many megabytes its memory grew at most. */
import type { RecordedEvent } from '@eventsourced/core'
import { postgresStore } from '@eventsourced/core/postgres'

const [url = '', how = ''] = process.argv.slice(2)
const store = postgresStore(url)
await store.schema.create()
let handled = 0
let last = 0
let disorder = 0
globalThis.gc?.()
const before = process.memoryUsage().rss
let peak = before

function handle({ position }: RecordedEvent): void {
  if (position <= last) disorder++
  last = position
  if (++handled % 10_000 === 0) peak = Math.max(peak, process.memoryUsage().rss)
}

if (how === 'readAll') {
  for await (const event of store.readAll()) {
    handle(event)
    // Sometimes the reader is slower than the database.
    if (handled % 20_000 === 0) await new Promise((resolve) => setTimeout(resolve, 20))
  }
} else {
  await store.subscribe({ name: 'backlog', handle }).caughtUp({ timeout: 120_000 })
}
await store.close()
process.send?.({ handled, disorder, megabytes: (peak - before) / 1_048_576 })
process.disconnect()
