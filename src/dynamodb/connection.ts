/**
 * Sends requests to DynamoDB, and retries transient errors with full jitter. A failed condition is a value,
 * not an error.
 *
 *     sent ──▶ answered
 *      ▲  └──▶ condition failed                            returned to the caller, which knows what it means
 *      │  └──▶ throttled, conflict, connection lost ──┐    retried, up to `retries` times
 *      └──────────────────────────────────────────────┘
 *
 * If the answer to a write was lost, the write may have happened. A retried transaction has the same token,
 * by which DynamoDB recognises it for ten minutes. After that, and for other writes, the caller looks at the
 * stored item.
 */
import {
  checkText,
  driverError,
  InvalidInputError,
  pause,
  readSafely,
  refuse,
  StorageError,
  StoreUnavailableError,
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
  type TransientKind,
  transientKindOf,
} from './errors.ts'
import type { Key } from './keys.ts'
import { gateOf, type Urgency } from './request-gate.ts'

/** A `DynamoDBClient` of the AWS SDK, version 3. */
export interface DynamodbClient {
  send(command: never, options?: never): Promise<unknown>
  destroy(): void
}

/** An incident that the store handled itself, for the user's metrics. */
export interface DynamodbMetric {
  /**
   * `retry`, `throttle`, `conflict`: a request failed in this way, with a transient error. `seal`: a reader
   * sealed a slot of the log, because its writer did not use it within `gapTimeout`. `late`: an append found
   * its slot sealed, and takes another one.
   */
  readonly kind: TransientKind | 'seal' | 'late'
  readonly table: string
  /** The partition key of the request, or a description such as `slot 12`; empty for a whole table. */
  readonly key: string
  /** The reason; for a failed request, in the words of AWS. */
  readonly reason: string
  /** 1 for the first attempt. */
  readonly attempt: number
}

export interface ConnectionOptions {
  /** Maximum number of retries of a request after transient errors. */
  readonly retries: number
  readonly onMetric: ((metric: DynamodbMetric) => void) | undefined
}

type CommandClass = new (input: object) => never
type Sdk = Readonly<Record<string, CommandClass>>

/** A client, and the SDK with the classes of its commands. */
export interface OpenedClient {
  readonly client: DynamodbClient
  readonly sdk: Sdk
  /** Whether the store opened the client itself, and so closes it. */
  readonly isOwned: boolean
}

/**
 * The result of a write with one condition. `item`: the item as `ReturnValues` asks, or the stored item if
 * the condition failed.
 */
export interface WriteResult {
  readonly done: boolean
  readonly item: Item | undefined
}

export interface QueryResult {
  readonly items: readonly Item[]
  /** The key to begin the next page with; undefined if there is none. */
  readonly next: Item | undefined
}

// The limits of DynamoDB for one request.
const maxKeys = 100
const maxDeletes = 25
const requestsAtOnce = 8

export class Connection {
  readonly #open: () => Promise<OpenedClient>
  readonly #options: ConnectionOptions
  #opened: Promise<OpenedClient> | undefined
  #prepared: Promise<void> | undefined
  readonly #prepare: (connection: Connection) => Promise<void>
  readonly #urgency: Urgency

  /** `prepare`: called before the first request, and again if it failed. */
  constructor(
    open: () => Promise<OpenedClient>,
    options: ConnectionOptions,
    prepare: (connection: Connection) => Promise<void>,
    urgency: Urgency = 'in turn',
  ) {
    this.#open = open
    this.#options = options
    this.#prepare = prepare
    this.#urgency = urgency
  }

  /** The same connection without its preparation: the preparation itself uses it. */
  unprepared(): Connection {
    return new Connection(
      () => this.opened(),
      this.#options,
      async () => {},
    )
  }

  /** The same connection, for requests of this urgency. */
  withUrgency(urgency: Urgency): Connection {
    const prepare = async () => {
      await this.#ready()
    }
    return new Connection(() => this.opened(), this.#options, prepare, urgency)
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

  /**
   * Sends one request, and retries transient errors.
   *
   * @throws StoreUnavailableError if the retries are used up
   * @throws SchemaMismatchError if the table is missing
   * @throws StorageError if DynamoDB refuses the request
   */
  async call<Output>(
    subject: Subject,
    command: string,
    input: object,
    signal?: AbortSignal,
  ): Promise<Output> {
    const result = await this.#call<Output>(subject, command, input, () => undefined, signal)
    return result.output as Output
  }

  /**
   * `answerOf`: returns the answer that an error contains, as a failed condition; undefined if the error is
   * none.
   */
  async #call<Output, Answer = never>(
    subject: Subject,
    command: string,
    input: object,
    answerOf: (error: unknown) => Answer | undefined,
    signal: AbortSignal | undefined,
  ): Promise<{ readonly output?: Output; readonly answer?: Answer }> {
    const { client, sdk } = await this.#ready()
    const Command = sdk[`${command}Command`] as CommandClass
    const gate = gateOf(client)
    let mayBeDone = false
    for (let attempt = 1; ; attempt++) {
      signal?.throwIfAborted()
      await gate.enter(this.#urgency, signal)
      try {
        return { output: (await client.send(new Command(input))) as Output }
      } catch (error) {
        const answer = answerOf(error)
        if (answer !== undefined) return { answer }
        const kind = transientKindOf(error)
        if (kind === undefined) {
          const refused = refusal(subject, error)
          // The answer to an earlier attempt was lost, and this refusal says nothing about it: the outcome is
          // unknown.
          const isUnknown = mayBeDone && refused instanceof StorageError && !isRequestAtFault(refused)
          throw isUnknown ? new StoreUnavailableError(subject.doing, attempt - 1, refused.cause) : refused
        }
        const failure = new DynamodbFailure(subject, error)
        this.report(kind, subject, failure.reason, attempt)
        if (attempt > this.#options.retries)
          throw new StoreUnavailableError(subject.doing, attempt - 1, failure)
        mayBeDone ||= kind === 'retry'
      } finally {
        gate.leave()
      }
      await pause(attempt, signal)
    }
  }

  async get(
    subject: Subject,
    key: Key,
    signal?: AbortSignal,
    { consistent = true }: { readonly consistent?: boolean } = {},
  ): Promise<Item | undefined> {
    const input = { TableName: subject.table, Key: key, ConsistentRead: consistent }
    return (await this.call<{ Item?: Item }>(subject, 'GetItem', input, signal)).Item
  }

  /** Reads one page of a query. The read is consistent, unless `input` says otherwise. */
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

  /** Reads all pages of a query. */
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

  /** Counts the items of a query. */
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

  /** Reads the items of these keys, without the missing ones, in any order. Each key must occur only once. */
  async batchGet(
    subject: Subject,
    keys: readonly Key[],
    { consistent }: { readonly consistent: boolean },
    signal?: AbortSignal,
  ): Promise<readonly Item[]> {
    const { table } = subject
    const items: Item[] = []
    for (let from = 0; from < keys.length; from += maxKeys * requestsAtOnce) {
      const requests: Promise<readonly Item[]>[] = []
      const end = Math.min(keys.length, from + maxKeys * requestsAtOnce)
      for (let at = from; at < end; at += maxKeys) {
        const some = keys.slice(at, Math.min(end, at + maxKeys))
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
    for (let remaining = keys, attempt = 1; remaining.length > 0; attempt++) {
      const input = { RequestItems: { [table]: { Keys: remaining, ConsistentRead: consistent } } }
      const output = await this.call<{
        Responses?: Record<string, Item[]>
        UnprocessedKeys?: Record<string, { Keys?: Key[] }>
      }>(subject, 'BatchGetItem', input, signal)
      const found = output.Responses?.[table] ?? []
      items.push(...found)
      remaining = output.UnprocessedKeys?.[table]?.Keys ?? []
      // An answer ends at 16 MB, so remaining keys are normal. Only an empty answer means that DynamoDB
      // throttles.
      if (remaining.length > 0 && found.length === 0) await this.#unprocessed(subject, attempt, signal)
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

  /**
   * Writes one item. `done` is false if the condition failed; `item` is then the stored item. After a lost answer, an
   * earlier attempt may have written the item, and the condition of the retry fails: the caller must recognise that by
   * `item`.
   */
  async write(
    subject: Subject,
    command: 'PutItem' | 'UpdateItem' | 'DeleteItem',
    input: object,
    signal?: AbortSignal,
  ): Promise<WriteResult> {
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
   * Writes a transaction. Returns undefined if it is written. Otherwise returns a reason for each item, which
   * says whether its condition failed, and nothing was written, unless a request whose answer was lost more
   * than ten minutes ago wrote it.
   */
  async transact(
    subject: Subject,
    items: readonly object[],
    token: string,
    signal?: AbortSignal,
  ): Promise<readonly CancellationReason[] | undefined> {
    const input = { TransactItems: items, ClientRequestToken: token }
    const answerOf = (error: unknown) => {
      const reasons = reasonsOf(error)
      return reasons?.some(isConditionFailed) ? reasons : undefined
    }
    return (await this.#call(subject, 'TransactWriteItems', input, answerOf, signal)).answer
  }

  async deleteAll(subject: Subject, keys: readonly Key[], signal?: AbortSignal): Promise<void> {
    for (let from = 0; from < keys.length; from += maxDeletes) {
      let remaining: object[] = keys
        .slice(from, from + maxDeletes)
        .map(({ p, s }) => ({ DeleteRequest: { Key: { p, s } } }))
      for (let attempt = 1; remaining.length > 0; attempt++) {
        const input = { RequestItems: { [subject.table]: remaining } }
        type Output = { UnprocessedItems?: Record<string, object[]> }
        const output = await this.call<Output>(subject, 'BatchWriteItem', input, signal)
        remaining = output.UnprocessedItems?.[subject.table] ?? []
        if (remaining.length > 0) await this.#unprocessed(subject, attempt, signal)
      }
    }
  }

  async close(): Promise<void> {
    const { client, isOwned } = (await this.#opened?.catch(() => undefined)) ?? {}
    if (isOwned) client?.destroy()
  }
}

/** How to reach DynamoDB: through a client of yours, or with a client that the store opens. */
export interface DynamodbAddress {
  /** A client of AWS SDK version 3. `close()` does not close it. @default a client that the store opens */
  readonly client?: DynamodbClient | undefined
  /**
   * The URL of DynamoDB or of an emulator; not together with `client`.
   *
   * @default the endpoint of the region
   */
  readonly endpoint?: string | undefined
  /** The AWS region, for a client that the store opens. @default the region of the environment */
  readonly region?: string | undefined
  /** The credentials, for a client that the store opens. @default the credentials of the environment */
  readonly credentials?: { readonly accessKeyId: string; readonly secretAccessKey: string } | undefined
}

/** Returns the function that opens the client. @throws InvalidInputError if an option is not valid */
export function opener({
  client,
  endpoint,
  region,
  credentials,
}: DynamodbAddress): () => Promise<OpenedClient> {
  if (endpoint !== undefined) checkText(endpoint, 'endpoint')
  if (region !== undefined) checkText(region, 'region')
  if (credentials !== undefined && (typeof credentials !== 'object' || credentials === null)) {
    // The message does not show the value: it may be a secret.
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
    // The store retries, not the SDK: the SDK does not retry transactions in conflict, and does not know what must
    // change before a retry. The timeouts end a request on a connection that went silent, for example after a pause of
    // the machine.
    const requestHandler = { connectionTimeout: 5_000, requestTimeout: 15_000 }
    const options = { maxAttempts: 1, requestHandler, ...defined({ endpoint, region, credentials }) }
    return { client: new Client(options), sdk, isOwned: true }
  }
}

function defined(options: Readonly<Record<string, unknown>>): object {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined))
}

async function loadSdk(): Promise<Sdk> {
  try {
    return (await import('@aws-sdk/client-dynamodb')) as unknown as Sdk
  } catch (error) {
    throw driverError('@aws-sdk/client-dynamodb', error)
  }
}
