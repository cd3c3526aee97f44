/** Handles a long backlog, and tells by how many megabytes its memory has grown at most. */
import { postgresStore } from '@eventsourced/core/postgres'

const [url = ''] = process.argv.slice(2)
const store = postgresStore(url)
await store.schema.create()
let handled = 0
let last = 0
let disorder = 0
globalThis.gc?.()
const before = process.memoryUsage().rss
let most = before
const subscription = store.subscribe({
  name: 'backlog',
  handle({ position }) {
    if (position <= last) disorder++
    last = position
    if (++handled % 10_000 === 0) most = Math.max(most, process.memoryUsage().rss)
  },
})
await subscription.caughtUp({ timeout: 120_000 })
await store.close()
process.send?.({ handled, disorder, megabytes: (most - before) / 1_048_576 })
process.disconnect()
