/** Rebuilds a projection, reports each batch, and waits for a message before the next one. */
import { once } from 'node:events'
import { postgresStore } from '@eventsourced/core/postgres'
import { totals } from './totals.ts'

const [url = ''] = process.argv.slice(2)
const store = postgresStore(url)
const { resumed, events } = await store.rebuild(totals, {
  batchSize: 500,
  async onProgress({ position }) {
    process.send?.({ position })
    await once(process, 'message')
  },
})
process.send?.({ resumed, events })
await store.close()
process.disconnect()
