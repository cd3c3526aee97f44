/** Opens the store of a campaign: in the clients, and in the process that runs the campaign. */
import type { EventStore } from '@eventsourced/core'
import { type PostgresStore, postgresStore } from '@eventsourced/core/postgres'
import { inlineStates } from './projections.ts'
import type { Random } from './random.ts'
import { releaseEvents } from './releases.ts'
import type { StoreAddress } from './task.ts'

export interface OpenedStore {
  /** The store of the present release, with its catalogue. */
  readonly store: EventStore
  /** The store of the former release. @default none: PGlite admits one store */
  readonly former: EventStore | undefined
  /** The same store, if it is on Postgres. */
  readonly postgres: PostgresStore | undefined
  /** Returns how many faults were injected into requests. */
  faults(): number
}

/** Opens the store. With `random`, some requests to DynamoDB fail. */
export async function openStore(address: StoreAddress, retries = 29, random?: Random): Promise<OpenedStore> {
  const options = { inline: [inlineStates], retries }
  const present = { ...options, events: releaseEvents }
  if (address.kind === 'dynamodb') {
    // Loaded only when needed, because clients are restarted all the time and must start fast.
    const { DynamoDBClient } = await import('@aws-sdk/client-dynamodb')
    const { dynamodbStore } = await import('@eventsourced/core/dynamodb')
    const { injectRequestFaults } = await import('./faults/requests.ts')
    const credentials = { accessKeyId: 'test', secretAccessKey: 'test' }
    const client = new DynamoDBClient({
      endpoint: address.endpoint,
      region: 'eu-west-1',
      credentials,
      maxAttempts: 1,
    })
    const faults = random === undefined ? () => 0 : injectRequestFaults(client, random)
    const tables = { client, table: 'torture', gapTimeout: 1_000 }
    const store = dynamodbStore({ ...present, ...tables })
    return { store, former: dynamodbStore({ ...options, ...tables }), postgres: undefined, faults }
  }
  const url = address.kind === 'pglite' ? `pglite:${address.folder}` : address.url
  const store = postgresStore(url, { ...present, maxConnections: 5 })
  const former = address.kind === 'pglite' ? undefined : postgresStore(url, { ...options, maxConnections: 3 })
  return { store, former, postgres: store, faults: () => 0 }
}
