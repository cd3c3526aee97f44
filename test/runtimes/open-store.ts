/** Opens each kind of store as a user does. Drivers are imported when they are needed, because some projects have none. */
import type { Event, EventStore, HandlerTransaction, Projection } from '@eventsourced/core'

export const kinds = ['memory', 'pg', 'postgres-js', 'pglite', 'dynamodb'] as const
export type Kind = (typeof kinds)[number]

export interface Opening {
  /** The URL of the database, or the endpoint of DynamoDB. */
  readonly url?: string | undefined
  readonly inline?: readonly Projection[] | undefined
  /** How long the database may be silent, in milliseconds. */
  readonly timeout?: number | undefined
}

export interface Opened {
  readonly store: EventStore<Event, HandlerTransaction>
  /** Ends what the store was given, and so does not close itself. */
  end(): Promise<void>
}

const nothing = async () => {}
/** The test servers run without fsync. Every store would warn of that. */
const onWarning = () => {}

export async function openStore(kind: Kind, { url = '', inline, timeout }: Opening): Promise<Opened> {
  const limits = timeout === undefined ? {} : { timeout }
  if (kind === 'memory') {
    const { memoryStore } = await import('@eventsourced/core')
    return { store: memoryStore({ inline }) as Opened['store'], end: nothing }
  }
  if (kind === 'dynamodb') {
    const { dynamodbStore } = await import('@eventsourced/core/dynamodb')
    const credentials = { accessKeyId: 'test', secretAccessKey: 'test' }
    const address = { endpoint: url, region: 'eu-west-1', credentials }
    const requests = timeout === undefined ? {} : { requestTimeout: timeout, retries: 1 }
    return { store: dynamodbStore({ ...address, ...requests, inline }) as Opened['store'], end: nothing }
  }
  const { postgresStore } = await import('@eventsourced/core/postgres')
  const options = { inline, onWarning, ...limits }
  if (kind === 'postgres-js') {
    const { default: postgres } = await import('postgres')
    const sql = postgres(url, {
      max: 2,
      ...(timeout === undefined ? {} : { connect_timeout: timeout / 1000 }),
    })
    return { store: postgresStore(sql, options) as Opened['store'], end: () => sql.end({ timeout: 1 }) }
  }
  const address = kind === 'pglite' ? 'pglite:memory' : url
  return { store: postgresStore(address, options) as Opened['store'], end: nothing }
}
