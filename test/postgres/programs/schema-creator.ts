/** Waits for a message, appends to a store that may have no tables yet, and reports the version of its event. */
import { postgresStore } from '@eventsourced/core/postgres'

const [url = '', streamId = ''] = process.argv.slice(2)
const store = postgresStore(url)

process.once('message', async () => {
  const { version } = await store.append(streamId, [{ type: 'Started', data: {} }])
  await store.close()
  process.send?.({ version })
  process.disconnect()
})
process.send?.('ready')
