/** Appends, and closes its store when the test says so. Then nothing may keep the process alive. */
import { postgresStore } from '@eventsourced/core/postgres'

const [url = '', timeout = ''] = process.argv.slice(2)
const store = postgresStore(url, { timeout: Number(timeout) })
const appendTwice = () =>
  Promise.all(['a', 'b'].map((end) => store.append(`closer-${end}`, [{ type: 'Started', data: {} }])))

await appendTwice()
process.once('message', async () => {
  await store.close()
  process.disconnect()
})
process.send?.('ready')
