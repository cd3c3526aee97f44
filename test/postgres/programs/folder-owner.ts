/** Opens the embedded database in a folder, and appends until it is killed. Reports each append that succeeded. */
import { hasCode } from '@eventsourced/core'
import { postgresStore } from '@eventsourced/core/postgres'

const [folder = '', streamId = 'counter'] = process.argv.slice(2)
const store = postgresStore(`pglite:${folder}`)
const report = (word: unknown) => process.send?.(word)

// Racers wait for a message, so that the one that starts first does not win.
process.once('message', () => void run())
report('ready')

async function run(): Promise<void> {
  try {
    await store.append(streamId, [{ type: 'Counted', data: { number: 1 } }])
  } catch (error) {
    if (!hasCode(error, 'folder-in-use')) throw error
    report({ refused: error.owner })
    process.disconnect()
    return
  }
  for (let number = 2; ; number++) {
    report({ acknowledged: number - 1 })
    await store.append(streamId, [{ type: 'Counted', data: { number } }])
  }
}
