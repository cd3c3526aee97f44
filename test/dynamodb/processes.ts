/** Storages of several processes on one table, and the arguments of their methods. */
import type { DynamoDBClient } from '@aws-sdk/client-dynamodb'
import { tablesOf } from '../../src/dynamodb/keys.ts'
import { opener } from '../../src/dynamodb/requests/client.ts'
import { Connection } from '../../src/dynamodb/requests/connection.ts'
import { dynamodbStorage } from '../../src/dynamodb/storage.ts'
import { InlineProjections } from '../../src/projection/inline.ts'
import type { RegisteredSubscription, SubscriptionDefinition } from '../../src/storage/registry.ts'
import type { Storage } from '../../src/storage/storage.ts'
import type { KeptLeases, Lease, WorkerBeat } from '../../src/storage/subscriptions.ts'
import { emulatorClient } from '../worlds/dynamodb.ts'
import { type Faults, faulty } from '../worlds/faulty-client.ts'
import type { Ground } from './ground.ts'

/** The storage of a process, with its client and the faults of that client. */
export interface Process {
  readonly storage: Storage
  readonly faults: Faults
  readonly client: DynamoDBClient
}

export function startProcess(ground: Ground, table: string, retries = 9): Process {
  const client = emulatorClient(ground.endpoint)
  const faults = faulty(client)
  const requests = { retries, requestTimeout: 5_000, reportCapacity: false, measure: undefined }
  const connection = new Connection(opener({ client }), requests, async () => {})
  const options = { maxBatch: 1, gapTimeout: 1_000, compress: true }
  const storage = dynamodbStorage(connection, tablesOf(table), new InlineProjections(), options)
  return { storage, faults, client }
}

export function definitionOf(
  partitions: number,
  more: Partial<SubscriptionDefinition> = {},
): SubscriptionDefinition {
  return {
    kind: 'handler',
    version: 1,
    partitions,
    transactional: false,
    types: undefined,
    streamPrefix: undefined,
    tags: undefined,
    ...more,
  }
}

export const beatOf = (
  { name, place }: Pick<RegisteredSubscription, 'name' | 'place'>,
  worker: string,
  milliseconds: number,
  version = 1,
): WorkerBeat => ({ subscription: name, place: place as string, version, worker, milliseconds })

export type Kept = Extract<KeptLeases, { readonly kind: 'kept' }>

/** The answer to one beat that must be kept. */
export async function keepOne(storage: Storage, beat: WorkerBeat): Promise<Kept> {
  const [kept] = await storage.keepLeases([beat])
  if (kept?.kind !== 'kept') throw new Error(`The worker is ${kept?.kind}`)
  return kept
}

export const leasesOf = async (storage: Storage, beat: WorkerBeat): Promise<readonly Lease[]> =>
  (await keepOne(storage, beat)).leases
