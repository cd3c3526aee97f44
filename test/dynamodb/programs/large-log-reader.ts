/** Reads a log of large events with every kind of reader, and tells how many events each of them got. */
import { dynamodbStore } from '@eventsourced/core/dynamodb'
import { emulatorClient } from '../../worlds/dynamodb.ts'

const [endpoint = '', table = ''] = process.argv.slice(2)
const store = dynamodbStore({ client: emulatorClient(endpoint), table })
const counts: Record<string, number> = {}
for (const direction of ['forward', 'backward'] as const) {
  counts[direction] = 0
  for await (const _ of store.readAll({ direction })) counts[direction]++
}
counts.filtered = 0
for await (const _ of store.readAll({ types: ['Small'] })) counts.filtered++
for (const partitions of [1, 4]) {
  const name = `${partitions} partitions`
  counts[name] = 0
  const result = await store.runOnce(
    {
      name,
      partitions,
      handle: () => {
        counts[name] = (counts[name] ?? 0) + 1
      },
    },
    { timeout: 120_000 },
  )
  if (!result.caughtUp) counts[name] = -1
}
await store.close()
process.send?.(counts)
