/** A Postgres storage without the store around it, and what tests of subscriptions need to call it. */
import type { PostgresConnection } from '@eventsourced/core/postgres'
import { connector } from '../../src/postgres/connect.ts'
import { createSchema } from '../../src/postgres/migrate.ts'
import { RetryingDatabase, retryingRunner } from '../../src/postgres/runner.ts'
import { statementsOf } from '../../src/postgres/statements.ts'
import { postgresStorage } from '../../src/postgres/storage.ts'
import { InlineProjections } from '../../src/projection/inline.ts'
import type { RegisteredSubscription, SubscriptionDefinition } from '../../src/storage/registry.ts'
import type { Storage } from '../../src/storage/storage.ts'
import type { EventToPark, KeptLeases, Lease, WorkerBeat } from '../../src/storage/subscriptions.ts'

const schema = 'eventsourced'

export interface BareStorageOptions {
  /** For how long a call waits for locks, in milliseconds. */
  readonly timeout?: number
  readonly maxConnections?: number
  /** Whether the storage brings the schema up to date before its first use. */
  readonly creates?: boolean
}

export function bareStorage(
  connection: PostgresConnection,
  { timeout = 30_000, maxConnections = 2, creates = true }: BareStorageOptions = {},
): Storage {
  const connect = connector(connection, { prepare: true, maxConnections, timeout })
  const opened = new RetryingDatabase(connect, 3, timeout)
  const statements = statementsOf(schema)
  const runner = retryingRunner(opened, async (own) => {
    if (creates) await createSchema(own, statements, schema, true)
  })
  return postgresStorage(runner, statements, { maxBatch: 1, timeout }, new InlineProjections())
}

export function definitionOf(change: Partial<SubscriptionDefinition> = {}): SubscriptionDefinition {
  return {
    kind: 'handler',
    version: 1,
    partitions: 1,
    transactional: false,
    types: undefined,
    streamPrefix: undefined,
    tags: undefined,
    ...change,
  }
}

export function beatOf(
  { name, place }: RegisteredSubscription,
  worker: string,
  change: Partial<WorkerBeat> = {},
): WorkerBeat {
  return { subscription: name, place: String(place), version: 1, worker, milliseconds: 60_000, ...change }
}

/** The answer to one beat of a worker that is neither superseded nor removed. */
export type Kept = Extract<KeptLeases, { kind: 'kept' }>

/** Sends one heartbeat of a worker. Throws if the worker is superseded, or its subscription removed. */
export async function keep(
  storage: Storage,
  subscription: RegisteredSubscription,
  worker: string,
  change: Partial<WorkerBeat> = {},
): Promise<Kept> {
  const [kept] = await storage.keepLeases([beatOf(subscription, worker, change)])
  if (kept?.kind !== 'kept') throw new Error(`${worker} is ${kept?.kind}`)
  return kept
}

/** Returns what is registered under a name. */
export async function registered(storage: Storage, name: string): Promise<RegisteredSubscription> {
  const found = await storage.readSubscription(name)
  if (found === undefined) throw new Error(`${name} is not registered`)
  return found
}

export function parkedAt(position: number, change: Partial<EventToPark> = {}): EventToPark {
  return {
    position,
    streamId: `stream-${position}`,
    eventId: `01890000-0000-7000-8000-${String(position).padStart(12, '0')}`,
    type: 'Failed',
    state: 'parked',
    failures: 1,
    error: 'no',
    stack: undefined,
    ...change,
  }
}

export const partitionsOf = (leases: readonly Lease[]) => leases.map(({ partition }) => partition)
