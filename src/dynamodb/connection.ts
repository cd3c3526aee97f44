/**
 * Requests to DynamoDB: made again when they fail in passing, with full jitter; a condition that does not hold is a value.
 *
 *     sent ──▶ answered
 *      ▲  └──▶ a condition failed                            told to the caller: it knows what it means
 *      │  └──▶ throttled, in conflict, lost on the way ──┐   again, as often as is allowed
 *      └─────────────────────────────────────────────────┘
 *
 * A write whose answer was lost may have been done. A transaction made again has the same token, by which DynamoDB knows
 * it for ten minutes; after that, and of other writes, the caller finds out by what is there.
 */
import {
  checkText,
  InvalidInputError,
  pause,
  readSafely,
  refuse,
  StorageError,
  StoreUnavailableError,
  withDriver,
} from '../storage/index.ts'
import type { Item } from './attributes.ts'
import {
  type CancellationReason,
  DynamodbFailure,
  failedCondition,
  isConditionFailed,
  isRequestAtFault,
  reasonsOf,
  refusal,
  type Subject,
  type Trouble,
  troubleOf,
} from './errors.ts'
import type { Key } from './keys.ts'

/** A `DynamoDBClient` of the AWS SDK, version 3. */
export interface DynamodbClient {
  send(command: never, options?: never): Promise<unknown>
  destroy(): void
}

/** What happened on the way, for the user's metrics. */
export interface DynamodbMetric {
  /**
   * `retry`, `throttle`, `conflict`: a request failed so, and is made again. `seal`: a slot of the log was closed, as
   * whoever took it did not use it in time. `late`: an append found its slot closed, and takes another.
   */
  readonly kind: Trouble | 'seal' | 'late'
  readonly table: string
  readonly key: string
  readonly reason: string
  readonly attempt: number
}

export interface ConnectionOptions {
  /** How often a request is retried after a transient error. */
  readonly retries: number
  readonly onMetric: ((metric: DynamodbMetric) => void) | undefined
}

type CommandClass = new (input: object) => never
type Sdk = Readonly<Record<string, CommandClass>>

/** A client, and the SDK that its commands are of. */
export interface OpenedClient {
  readonly client: DynamodbClient
  readonly sdk: Sdk
  readonly isOwned: boolean
}

/** A write with one condition: done, or refused, with the item as it is. */
export type Written = { readonly done: true; readonly item: Item | undefined } | NotWritten
interface NotWritten {
  readonly done: false
  readonly item: Item | undefined
}

export interface QueryResult {
  readonly items: readonly Item[]
  /** Where the next page begins, if there is one. */
  readonly next: Item | undefined
}

// What DynamoDB takes in one request.
const mostKeys = 100
const mostDeletes = 25
const requestsAtOnce = 8

export class Connection {
  readonly #open: () => Promise<OpenedClient>
  readonly #options: ConnectionOptions
  #opened: Promise<OpenedClient> | undefined
  #prepared: Promise<void> | undefined
  readonly #prepare: (connection: Connection) => Promise<void>

  /** `prepare`: what has to be done before the first request. */
  constructor(
    open: () => Promise<OpenedClient>,
    options: ConnectionOptions,
    prepare: (connection: Connection) => Promise<void>,
  ) {
    this.#open = open
    this.#options = options
    this.#prepare = prepare
  }

  /** The same connection, for what prepares it. */
  unprepared(): Connection {
    return new Connection(
      () => this.opened(),
      this.#options,
      async () => {},
    )
  }

  opened(): Promise<OpenedClient> {
    this.#opened ??= this.#open().catch((error: unknown) => {
      this.#opened = undefined
      throw error
    })
    return this.#opened
  }

  async #ready(): Promise<OpenedClient> {
    this.#prepared ??= this.#prepare(this).catch((error: unknown) => {
      this.#prepared = undefined
      throw error
    })
    await this.#prepared
    return this.opened()
  }

  report(kind: DynamodbMetric['kind'], { table, key }: Subject, reason: string, attempt: number): void {
    this.#options.onMetric?.({ kind, table, key, reason, attempt })
  }

  /** One request. @throws StoreUnavailableError, StorageError, SchemaMismatchError */
  async call<Output>(
    subject: Subject,
    command: string,
    input: object,
    signal?: AbortSignal,
  ): Promise<Output> {
    const result = await this.#call<Output>(subject, command, input, () => undefined, signal)
    return result.output as Output
  }

  /** `settle`: what an error means, if it is an answer. */
  async #call<Output, Answer = never>(
    subject: Subject,
    command: string,
    input: object,
    settle: (error: unknown) => Answer | undefined,
    signal: AbortSignal | undefined,
  ): Promise<{ readonly output?: Output; readonly answer?: Answer }> {
    const { client, sdk } = await this.#ready()
    const Command = sdk[`${command}Command`] as CommandClass
    let mayBeDone = false
    for (let attempt = 1; ; attempt++) {
      signal?.throwIfAborted()
      try {
        return { output: (await client.send(new Command(input))) as Output }
      } catch (error) {
        const answer = settle(error)
        if (answer !== undefined) return { answer }
        const trouble = troubleOf(error)
        if (trouble === undefined) {
          const refused = refusal(subject, error)
          // Who may not ask any more is not told what became of a try whose answer was lost.
          const isUnknown = mayBeDone && refused instanceof StorageError && !isRequestAtFault(refused)
          throw isUnknown ? new StoreUnavailableError(subject.doing, attempt - 1, refused.cause) : refused
        }
        const failure = new DynamodbFailure(subject, error)
        this.report(trouble, subject, failure.reason, attempt)
        if (attempt > this.#options.retries)
          throw new StoreUnavailableError(subject.doing, attempt - 1, failure)
        mayBeDone ||= trouble === 'retry'
      }
      await pause(attempt, signal)
    }
  }

  async get(subject: Subject, key: Key, signal?: AbortSignal): Promise<Item | undefined> {
    const input = { TableName: subject.table, Key: key, ConsistentRead: true }
    return (await this.call<{ Item?: Item }>(subject, 'GetItem', input, signal)).Item
  }

  /** One page. Reads consistently, unless `input` says otherwise. */
  async query(subject: Subject, input: object, signal?: AbortSignal): Promise<QueryResult> {
    const whole = { TableName: subject.table, ConsistentRead: true, ...input }
    const output = await this.call<{ Items?: Item[]; LastEvaluatedKey?: Item }>(
      subject,
      'Query',
      whole,
      signal,
    )
    return { items: output.Items ?? [], next: output.LastEvaluatedKey }
  }

  /** All pages. */
  async queryAll(subject: Subject, input: object, signal?: AbortSignal): Promise<readonly Item[]> {
    const items: Item[] = []
    for (let start: Item | undefined; ; ) {
      const page = await this.query(
        subject,
        start === undefined ? input : { ...input, ExclusiveStartKey: start },
        signal,
      )
      items.push(...page.items)
      start = page.next
      if (start === undefined) return items
    }
  }

  /** How many items a query finds. */
  async count(subject: Subject, input: object, signal?: AbortSignal): Promise<number> {
    const whole = { TableName: subject.table, ConsistentRead: true, Select: 'COUNT', ...input }
    let count = 0
    for (let start: Item | undefined; ; ) {
      const page = start === undefined ? whole : { ...whole, ExclusiveStartKey: start }
      const output = await this.call<{ Count: number; LastEvaluatedKey?: Item }>(
        subject,
        'Query',
        page,
        signal,
      )
      count += output.Count
      start = output.LastEvaluatedKey
      if (start === undefined) return count
    }
  }

  /** The items that are there of these keys (each named once), in no order. */
  async batchGet(
    subject: Subject,
    keys: readonly Key[],
    { consistent }: { readonly consistent: boolean },
    signal?: AbortSignal,
  ): Promise<readonly Item[]> {
    const { table } = subject
    const items: Item[] = []
    for (let from = 0; from < keys.length; from += mostKeys * requestsAtOnce) {
      const requests: Promise<readonly Item[]>[] = []
      const end = Math.min(keys.length, from + mostKeys * requestsAtOnce)
      for (let at = from; at < end; at += mostKeys) {
        const some = keys.slice(at, Math.min(end, at + mostKeys))
        requests.push(this.#batchGet(subject, table, some, consistent, signal))
      }
      for (const found of await Promise.all(requests)) items.push(...found)
    }
    return items
  }

  async #batchGet(
    subject: Subject,
    table: string,
    keys: readonly Key[],
    consistent: boolean,
    signal: AbortSignal | undefined,
  ): Promise<readonly Item[]> {
    const items: Item[] = []
    for (let left = keys, attempt = 1; left.length > 0; attempt++) {
      const input = { RequestItems: { [table]: { Keys: left, ConsistentRead: consistent } } }
      const output = await this.call<{
        Responses?: Record<string, Item[]>
        UnprocessedKeys?: Record<string, { Keys?: Key[] }>
      }>(subject, 'BatchGetItem', input, signal)
      const found = output.Responses?.[table] ?? []
      items.push(...found)
      left = output.UnprocessedKeys?.[table]?.Keys ?? []
      // An answer ends at 16 MB: that is no trouble, unless nothing at all came.
      if (left.length > 0 && found.length === 0) await this.#unprocessed(subject, attempt, signal)
      else if (found.length > 0) attempt = 0
    }
    return items
  }

  async #unprocessed(subject: Subject, attempt: number, signal: AbortSignal | undefined): Promise<void> {
    const failure = new DynamodbFailure(subject, new Error('DynamoDB left all keys unprocessed'))
    this.report('throttle', subject, failure.reason, attempt)
    if (attempt > this.#options.retries) throw new StoreUnavailableError(subject.doing, attempt - 1, failure)
    await pause(attempt, signal)
  }

  /** `PutItem`, `UpdateItem` or `DeleteItem`. Whether its condition held; made again, it may have been done before. */
  async write(
    subject: Subject,
    command: 'PutItem' | 'UpdateItem' | 'DeleteItem',
    input: object,
    signal?: AbortSignal,
  ): Promise<Written> {
    const whole = { TableName: subject.table, ReturnValuesOnConditionCheckFailure: 'ALL_OLD', ...input }
    const { output, answer } = await this.#call<{ Attributes?: Item }, { item: Item | undefined }>(
      subject,
      command,
      whole,
      failedCondition,
      signal,
    )
    if (answer !== undefined) return { done: false, item: answer.item }
    return { done: true, item: output?.Attributes }
  }

  /**
   * A transaction. `undefined`: it is done. Otherwise nothing is, or it was done by a request whose answer was lost more
   * than ten minutes ago; a reason for each item tells whose condition failed.
   */
  async transact(
    subject: Subject,
    items: readonly object[],
    token: string,
    signal?: AbortSignal,
  ): Promise<readonly CancellationReason[] | undefined> {
    const input = { TransactItems: items, ClientRequestToken: token }
    const settle = (error: unknown) => {
      const reasons = reasonsOf(error)
      return reasons?.some(isConditionFailed) ? reasons : undefined
    }
    return (await this.#call(subject, 'TransactWriteItems', input, settle, signal)).answer
  }

  async deleteAll(subject: Subject, keys: readonly Key[], signal?: AbortSignal): Promise<void> {
    for (let from = 0; from < keys.length; from += mostDeletes) {
      let left: object[] = keys
        .slice(from, from + mostDeletes)
        .map(({ p, s }) => ({ DeleteRequest: { Key: { p, s } } }))
      for (let attempt = 1; left.length > 0; attempt++) {
        const input = { RequestItems: { [subject.table]: left } }
        type Output = { UnprocessedItems?: Record<string, object[]> }
        const output = await this.call<Output>(subject, 'BatchWriteItem', input, signal)
        left = output.UnprocessedItems?.[subject.table] ?? []
        if (left.length > 0) await this.#unprocessed(subject, attempt, signal)
      }
    }
  }

  async close(): Promise<void> {
    const { client, isOwned } = (await this.#opened?.catch(() => undefined)) ?? {}
    if (isOwned) client?.destroy()
  }
}

/** How to reach DynamoDB: a client of the caller's, or where it is. */
export interface DynamodbAddress {
  readonly client?: DynamodbClient | undefined
  readonly endpoint?: string | undefined
  readonly region?: string | undefined
  readonly credentials?: { readonly accessKeyId: string; readonly secretAccessKey: string } | undefined
}

/** Says how to open the client; refuses at once what is none. */
export function opener({
  client,
  endpoint,
  region,
  credentials,
}: DynamodbAddress): () => Promise<OpenedClient> {
  if (endpoint !== undefined) checkText(endpoint, 'endpoint')
  if (region !== undefined) checkText(region, 'region')
  if (credentials !== undefined && (typeof credentials !== 'object' || credentials === null)) {
    // Not shown: it may be a secret in the wrong place.
    throw new InvalidInputError('credentials', 'must be an object', typeof credentials)
  }
  if (client !== undefined) {
    if (!readSafely('client', client, () => typeof client?.send === 'function')) {
      refuse('client', "must be a DynamoDBClient of '@aws-sdk/client-dynamodb'", client)
    }
    if (endpoint !== undefined) {
      refuse('endpoint', 'must not be given with a client, which has its own', endpoint)
    }
    return async () => ({ client, sdk: await loadSdk(), isOwned: false })
  }
  return async () => {
    const sdk = await loadSdk()
    const Client = sdk.DynamoDBClient as unknown as new (options: object) => DynamodbClient
    // Trying again is ours: the SDK does not do so for transactions, and knows nothing of what must change meanwhile.
    // A connection that fell silent, as after a pause of the machine, must not keep a request for ever.
    const requestHandler = { connectionTimeout: 5_000, requestTimeout: 15_000 }
    const options = { maxAttempts: 1, requestHandler, ...defined({ endpoint, region, credentials }) }
    return { client: new Client(options), sdk, isOwned: true }
  }
}

function defined(options: Readonly<Record<string, unknown>>): object {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined))
}

const loadSdk = () =>
  withDriver(
    '@aws-sdk/client-dynamodb',
    async () => (await import('@aws-sdk/client-dynamodb')) as unknown as Sdk,
  )
