/** Verifies tables with little memory, and prints how the heap has grown meanwhile. */
import { dynamodbStore } from '@eventsourced/core/dynamodb'
import { emulatorClient } from '../../worlds/dynamodb.ts'

const [endpoint = '', table = ''] = process.argv.slice(2)
const store = dynamodbStore({ client: emulatorClient(endpoint), table })

function usedBytes(): number {
  globalThis.gc?.()
  return process.memoryUsage().heapUsed
}

// The first call loads the SDK and the code.
await store.schema.status()
let [calls, before, most] = [0, 0, 0]
const { ok, commits, slots } = await store.schema.verify({
  onProgress() {
    calls++
    if (calls === 1) before = usedBytes()
    else if (calls % 10 === 0) most = Math.max(most, usedBytes())
  },
})
console.log(JSON.stringify({ ok, commits, slots, grown: Math.max(0, most - before) }))
await store.close()
