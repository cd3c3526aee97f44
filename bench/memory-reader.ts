/** Reads the log of the store at the given URL, and sends to its parent process by how much its memory has grown. */
import { postgresStore } from '@eventsourced/core/postgres'

const [url = '', most = ''] = process.argv.slice(2)
const store = postgresStore(url)

// The first page allocates memory that later pages use again. Only the growth after it counts.
for await (const _ of store.readAll({ limit: 1000 })) {
}
globalThis.gc?.()
const before = process.memoryUsage.rss()
let highest = before
let events = 0
for await (const _ of store.readAll({ limit: Number(most) })) {
  events++
  if (events % 250 === 0) highest = Math.max(highest, process.memoryUsage.rss())
}
await store.close()
process.send?.({ events, megabytes: (highest - before) / 1e6 })
process.disconnect()
