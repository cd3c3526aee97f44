/** Where tests about DynamoDB itself run: an emulator, stores on it, and the items that they have written. */
import {
  type AttributeValue,
  DeleteItemCommand,
  type DynamoDBClient,
  ScanCommand,
} from '@aws-sdk/client-dynamodb'
import { type DynamodbStore, type DynamodbStoreOptions, dynamodbStore } from '@eventsourced/core/dynamodb'
import { vi } from 'vitest'
import { type EmulatorName, isMissing, startEmulator } from '../emulators/start.ts'
import { stores } from '../stores.ts'
import { emulatorClient } from '../worlds/dynamodb.ts'
import { type Faults, faulty } from '../worlds/faulty-client.ts'

export type StoredItem = Record<string, AttributeValue>

export interface Ground {
  readonly endpoint: string
  /** Tables of its own for a test. */
  table(): string
  open(table: string, options?: DynamodbStoreOptions): OpenedStore
  /** A client of the test's own. */
  readonly admin: DynamoDBClient
  items(table: string): Promise<readonly StoredItem[]>
  remove(table: string, item: StoredItem): Promise<void>
  /** Aborted when all is over, for what would never end. */
  readonly ending: AbortSignal
  end(): Promise<void>
}

export interface OpenedStore {
  readonly store: DynamodbStore
  readonly client: DynamoDBClient
  readonly faults: Faults
}

/** The emulators that are under test in this run. */
export const emulators: readonly EmulatorName[] = (['dynoxide', 'dynamodb-local'] as const).filter(
  (name) => stores.some((store) => store.name === name) && isMissing(name) === undefined,
)

/** For what is the store's own doing, and not the emulator's. */
export const oneEmulator: readonly EmulatorName[] = emulators.slice(0, 1)

export async function startGround(name: EmulatorName): Promise<Ground> {
  const emulator = await startEmulator(name)
  const admin = emulatorClient(emulator.endpoint)
  const opened: OpenedStore[] = []
  const ending = new AbortController()
  let tables = 0
  return {
    ending: ending.signal,
    endpoint: emulator.endpoint,
    admin,
    table() {
      tables++
      return `ground_${tables}`
    },
    open(table, options = {}) {
      const client = emulatorClient(emulator.endpoint)
      const one = { store: dynamodbStore({ client, table, ...options }), client, faults: faulty(client) }
      opened.push(one)
      return one
    },
    async items(table) {
      const items: StoredItem[] = []
      let start: StoredItem | undefined
      do {
        const page = await admin.send(new ScanCommand({ TableName: table, ExclusiveStartKey: start }))
        items.push(...(page.Items ?? []))
        start = page.LastEvaluatedKey
      } while (start !== undefined)
      return items
    },
    async remove(table, { p, s }) {
      await admin.send(new DeleteItemCommand({ TableName: table, Key: { p, s } as StoredItem }))
    },
    async end() {
      for (const { faults } of opened) faults.clear()
      ending.abort()
      for (const { store, client } of opened) {
        await store.close()
        client.destroy()
      }
      admin.destroy()
      await emulator.stop()
    },
  }
}

const realNow = performance.now.bind(performance)

/** Whatever this process measures, so much more has passed; until mocks are restored. */
export function letTimePass(milliseconds: number): void {
  const ahead = performance.now() - realNow() + milliseconds
  vi.spyOn(performance, 'now').mockImplementation(() => realNow() + ahead)
}
