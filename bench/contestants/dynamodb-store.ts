/** What the stores on DynamoDB are asked to do, so that each case is written once for both. */
import type { DynamoDBClient } from '@aws-sdk/client-dynamodb'
import type { Contestant, Ground } from '../case.ts'
import type { StoreWork } from './event-store.ts'
import type { LargeEvent } from './large-events.ts'

export interface DynamoStore {
  /** Through which all of its requests go. */
  readonly client: DynamoDBClient
  /** Appends to a stream that has this version; 0: to one that must not exist yet. */
  append(streamId: string, events: readonly LargeEvent[], version: number): Promise<unknown>
  /** Reads a whole stream, and says how many events it got. */
  read(streamId: string): Promise<number>
  /** Counts the events that are recorded. */
  count(): Promise<number>
  close(): Promise<void>
}

export interface DynamoStoreKind {
  readonly name: string
  /** Opens the store, with its tables made. */
  open(endpoint: string): Promise<DynamoStore>
}

/** Makes a contestant of a store. After each turn it must hold every event that it took. */
export function dynamoContestant(
  kind: DynamoStoreKind,
  prepare: (store: DynamoStore, ground: Ground) => StoreWork | Promise<StoreWork>,
): Contestant {
  return {
    name: kind.name,
    async enter(ground) {
      const store = await kind.open(ground.url)
      const work = await prepare(store, ground)
      let events = work.filled
      return {
        async turn() {
          const { value, appended } = await work.turn()
          events += appended
          const found = await store.count()
          if (found !== events)
            throw new Error(`${kind.name}: ${found} events are recorded in place of ${events}`)
          return value
        },
        async leave() {
          await work.leave?.()
          await store.close()
        },
      }
    },
  }
}

/** The address of an emulator, which asks for credentials and takes any. */
export function emulatorAt(endpoint: string) {
  return { endpoint, region: 'eu-west-1', credentials: { accessKeyId: 'x', secretAccessKey: 'x' } }
}
