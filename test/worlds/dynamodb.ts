/** Worlds on a DynamoDB emulator. Each world has its own tables, and drops them when it ends. */
import { DeleteTableCommand, DynamoDBClient } from '@aws-sdk/client-dynamodb'
import { type DynamodbStore, type DynamodbStoreOptions, dynamodbStore } from '@eventsourced/core/dynamodb'
import { iamPolicy } from '@eventsourced/core/dynamodb/templates'
import { type EmulatorName, startEmulator } from '../emulators/start.ts'
import type { RunningStore } from '../store-under-test.ts'
import { faulty, lost } from './faulty-client.ts'
import { restrict } from './iam.ts'

const unable = async () => {
  throw new Error('DynamoDB lacks this capability')
}

/** A client that the emulators accept. It never retries: the store does. */
export function emulatorClient(endpoint: string): DynamoDBClient {
  const credentials = { accessKeyId: 'test', secretAccessKey: 'test' }
  return new DynamoDBClient({ endpoint, region: 'eu-west-1', credentials, maxAttempts: 1 })
}

export async function startDynamo(
  name: EmulatorName,
  options: Pick<DynamodbStoreOptions, 'maxBatch'> = {},
): Promise<RunningStore> {
  const emulator = await startEmulator(name)
  const admin = emulatorClient(emulator.endpoint)
  let worlds = 0
  return {
    async world() {
      worlds++
      const table = `world_${worlds}`
      const opened: DynamodbStore[] = []
      const clients: DynamoDBClient[] = []
      const open = (own: DynamodbStoreOptions) => {
        const client = emulatorClient(emulator.endpoint)
        // The stores have the rights of an application, and create their tables.
        restrict(client, table, [iamPolicy({ table }), iamPolicy({ table, for: 'deployer' })])
        clients.push(client)
        // A short timeout, because readers wait for it after each writer that a test stops.
        const store = dynamodbStore({ client, table, gapTimeout: 1_000, ...options, ...own })
        opened.push(store)
        return { store, client }
      }
      return {
        open: async (own) => open(own ?? {}).store,
        begin: unable,
        async openBehindProxy() {
          const { store, client } = open({ retries: 19 })
          const faults = faulty(client)
          let cuts = 0
          return {
            store,
            proxy: {
              cutAnswers(times) {
                faults.clear()
                let left = times
                faults.afterWrites(() => {
                  if (left === 0) return undefined
                  left--
                  cuts++
                  return lost()
                })
              },
              get cuts() {
                return cuts
              },
            },
          }
        },
        async end() {
          for (const store of opened) await store.close()
          for (const client of clients) client.destroy()
          const drop = (TableName: string) =>
            admin.send(new DeleteTableCommand({ TableName })).catch(() => {})
          await Promise.all([drop(`${table}_events`), drop(`${table}_log`)])
        },
      }
    },
    async stop() {
      admin.destroy()
      await emulator.stop()
    },
  }
}
