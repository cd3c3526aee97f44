/** Tests a process with many subscriptions whose requests are slow, and whose client has few sockets. */
import { DynamoDBClient } from '@aws-sdk/client-dynamodb'
import { dynamodbStore } from '@eventsourced/core/dynamodb'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Ground, oneEmulator, startGround } from './ground.ts'
import { startSlowEndpoint } from './slow-endpoint.ts'

const subscriptions = 50
const partitions = 3
const maxSockets = 6
const latency = 30
const leaseTime = 2_000
const writers = 10
const eventsOfWriter = 20

describe.each(oneEmulator)('on %s', (emulator) => {
  let ground: Ground
  beforeAll(async () => {
    ground = await startGround(emulator)
  })
  afterAll(() => ground?.end())

  // Fault: the reads of the log filled the sockets, and the heartbeats waited behind them for longer than the leases last. So
  // all subscriptions lost their leases before they had read a page, and took them again, without end.
  it('50 subscriptions of a process with few sockets catch up, and keep their leases meanwhile', {
    timeout: 120_000,
  }, async () => {
    const table = ground.table()
    await ground.open(table).store.schema.create()
    // Each of the stores writes one event at a time, so that each event has a slot of its own.
    await Promise.all(
      Array.from({ length: writers }, async (_, writer) => {
        const { store } = ground.open(table)
        for (let nth = 0; nth < eventsOfWriter; nth++)
          await store.append(`w-${writer}`, [{ type: 'Written', data: {} }])
      }),
    )
    const slow = await startSlowEndpoint(ground.endpoint, latency)
    const client = new DynamoDBClient({
      endpoint: slow.endpoint,
      region: 'eu-west-1',
      credentials: { accessKeyId: 'test', secretAccessKey: 'test' },
      maxAttempts: 1,
      requestHandler: { maxSockets },
    })
    const store = dynamodbStore({ client, table })
    const handled = new Map<string, number>()
    let losses = 0
    const started = Array.from({ length: subscriptions }, (_, nth) =>
      store.subscribe({
        name: `subscription-${nth}`,
        partitions,
        leaseTime,
        handle: ({ id }) => {
          handled.set(`${nth} ${id}`, (handled.get(`${nth} ${id}`) ?? 0) + 1)
        },
        onStateChange: (state) => {
          if (state === 'retrying') losses++
        },
      }),
    )
    try {
      for (const subscription of started) await subscription.caughtUp({ timeout: 100_000 })
      expect(handled.size).toBe(subscriptions * writers * eventsOfWriter)
      expect(losses).toBeLessThan(subscriptions)
    } finally {
      await store.close()
      client.destroy()
      await slow.stop()
    }
  })
})
