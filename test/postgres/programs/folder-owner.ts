/** Opens the embedded database in a folder and appends to it until killed, telling of each append that succeeded. */
import { hasCode } from '@eventsourced/core'
import { postgresStore } from '@eventsourced/core/postgres'

const [folder = '', streamId = 'counter'] = process.argv.slice(2)
const store = postgresStore(`pglite:${folder}`)
const tell = (word: unknown) => process.send?.(word)

// Both racers are told when to begin, so that their starting times do not decide.
process.once('message', () => void run())
tell('ready')

async function run(): Promise<void> {
  try {
    await store.append(streamId, [{ type: 'Counted', data: { number: 1 } }])
  } catch (error) {
    if (!hasCode(error, 'folder-in-use')) throw error
    tell({ refused: error.owner })
    process.disconnect()
    return
  }
  for (let number = 2; ; number++) {
    tell({ acknowledged: number - 1 })
    await store.append(streamId, [{ type: 'Counted', data: { number } }])
  }
}
