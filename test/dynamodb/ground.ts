/**
 * The ground for tests of DynamoDB itself: an emulator, stores on it, and the items that they have written.
 */
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

/** A running emulator, and what tests need on it. */
export interface Ground {
  readonly endpoint: string
  /** Returns a new table name, so that each test has its own tables. */
  table(): string
  /** Opens a store with its own client, as another process would. */
  open(table: string, options?: DynamodbStoreOptions): OpenedStore
  /** A client that no store uses. */
  readonly admin: DynamoDBClient
  /** Reads all items of a table. */
  items(table: string): Promise<readonly StoredItem[]>
  remove(table: string, item: StoredItem): Promise<void>
  /** Aborts when the tests end: for work that would never end by itself. */
  readonly ending: AbortSignal
  end(): Promise<void>
}

/** A store, with its client and the faults of that client. */
export interface OpenedStore {
  readonly store: DynamodbStore
  readonly client: DynamoDBClient
  readonly faults: Faults
}

/** The emulators that this run tests. */
export const emulators: readonly EmulatorName[] = (['dynoxide', 'dynamodb-local'] as const).filter(
  (name) => stores.some((store) => store.name === name) && isMissing(name) === undefined,
)

/** One emulator, for tests whose result does not depend on the emulator. */
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

/** Moves the monotonic clock of this process forward, until mocks are restored. */
export function letTimePass(milliseconds: number): void {
  const ahead = performance.now() - realNow() + milliseconds
  vi.spyOn(performance, 'now').mockImplementation(() => realNow() + ahead)
}

/**
 * Stops the monotonic clock of this process, until mocks are restored. Returns the function that moves it forward: a test
 * then measures the same times on a slow machine.
 */
export function stopClock(): (milliseconds: number) => void {
  // A whole number: with a fraction, the sum of two times may be a trillionth less than their total.
  let now = Math.round(performance.now())
  vi.spyOn(performance, 'now').mockImplementation(() => now)
  return (milliseconds) => {
    now += milliseconds
  }
}
