/** One interface for both stores on DynamoDB, so that each case is written once. */
import type { DynamoDBClient } from '@aws-sdk/client-dynamodb'
import type { BenchContext, Contestant } from '../case.ts'
import type { StoreWork } from './event-store.ts'
import type { LargeEvent } from './large-events.ts'

export interface DynamodbBenchStore {
  /** The client that sends all requests of the store. */
  readonly client: DynamoDBClient
  /** Appends to a stream that must be at this version; 0: the stream must not exist yet. */
  append(streamId: string, events: readonly LargeEvent[], version: number): Promise<unknown>
  /** Reads a whole stream, and returns how many events it has. */
  read(streamId: string): Promise<number>
  /** Counts the events that are recorded. */
  count(): Promise<number>
  close(): Promise<void>
}

export interface DynamodbBenchStoreKind {
  readonly name: string
  /** Opens the store, and creates its tables. */
  open(endpoint: string): Promise<DynamodbBenchStore>
}

/** Makes a contestant of a store. Throws after a turn if the store has lost or duplicated an event. */
export function dynamodbContestant(
  kind: DynamodbBenchStoreKind,
  prepare: (store: DynamodbBenchStore, context: BenchContext) => StoreWork | Promise<StoreWork>,
): Contestant {
  return {
    name: kind.name,
    async setUp(context) {
      const store = await kind.open(context.url)
      const work = await prepare(store, context)
      let events = work.filled
      return {
        async turn() {
          const { appended, ...turn } = await work.turn()
          events += appended
          const found = await store.count()
          if (found !== events)
            throw new Error(`${kind.name}: ${found} events are recorded instead of ${events}`)
          return turn
        },
        async tearDown() {
          await work.tearDown?.()
          await store.close()
        },
      }
    },
  }
}

/** The options of a client for an emulator, which demands credentials and accepts any. */
export function emulatorAt(endpoint: string) {
  return { endpoint, region: 'eu-west-1', credentials: { accessKeyId: 'x', secretAccessKey: 'x' } }
}
