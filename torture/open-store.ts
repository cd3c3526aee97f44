/** Opens the store of a campaign, as each of its processes does. */
import type { EventStore } from '@eventsourced/core'
import { type PostgresStore, postgresStore } from '@eventsourced/core/postgres'
import { inlineStates } from './projections.ts'
import type { Random } from './random.ts'
import type { StoreAddress } from './task.ts'

export interface OpenedStore {
  readonly store: EventStore
  /** The same, if it has what only Postgres has. */
  readonly postgres: PostgresStore | undefined
  /** How many requests were made to fail. */
  faults(): number
}

/** `random`: of a client whose requests are to fail now and then. */
export async function openStore(address: StoreAddress, retries = 29, random?: Random): Promise<OpenedStore> {
  const options = { inline: [inlineStates], retries }
  if (address.kind === 'dynamodb') {
    // Loaded when needed, as clients are started anew all the time.
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
    const store = dynamodbStore({ ...options, client, table: 'torture', gapTimeout: 1_000 })
    return { store, postgres: undefined, faults }
  }
  const place = address.kind === 'pglite' ? `pglite:${address.folder}` : address.url
  const store = postgresStore(place, { ...options, maxConnections: 5 })
  return { store, postgres: store, faults: () => 0 }
}
