/**
 * Sends requests to DynamoDB, and retries transient errors with full jitter. A failed condition is a value,
 * not an error.
 *
 *     sent ──▶ answered
 *      ▲  └──▶ condition failed                            returned to the caller, which knows what it means
 *      │  └──▶ throttled, conflict, connection lost ──┐    retried, up to `retries` times
 *      │  └──▶ signature expired, clock wrong ────────┤    retried, up to 3 times
 *      └──────────────────────────────────────────────┘
 *
 * If the answer to a write was lost, the write may have happened. A retried transaction has the same token,
 * by which DynamoDB recognises it for ten minutes. After that, and for other writes, the caller looks at the
 * stored item.
 */
import {
  abortable,
  type IncidentMetric,
  type Metric,
  pause,
  StorageError,
  StoreUnavailableError,
} from '../../storage/index.ts'
import type { Key } from '../keys.ts'
import type { Item } from './attributes.ts'
import { askingForCapacity, capacitiesOf } from './capacity.ts'
import type { CommandClass, OpenedClient } from './client.ts'
import { isRead } from './commands.ts'
import { AttemptTimeout, deadlineOf, sendWithin } from './deadline.ts'
import {
  type CancellationReason,
  DynamodbFailure,
  failedCondition,
  isConditionFailed,
  isExpired,
  isRequestAtFault,
  reasonsOf,
  refusal,
  type Subject,
  transientKindOf,
} from './errors.ts'
import { gateOf, type Urgency } from './request-gate.ts'

export interface ConnectionOptions {
  /** Maximum number of retries of a request after transient errors. */
  readonly retries: number
  /** The longest time that an attempt waits for its answer, in milliseconds. Large answers may take longer. */
  readonly requestTimeout: number
  /** Whether each answer contains the consumed capacity, which goes to `measure`. */
  readonly reportCapacity: boolean
  /** Receives incidents and capacities; never throws. */
  readonly measure: ((metric: Metric) => void) | undefined
}

/**
 * The result of a write with one condition. `item`: the item as `ReturnValues` asks, or the stored item if
 * the condition failed.
 */
export interface WriteResult {
  readonly done: boolean
  readonly item: Item | undefined
}

/** The condition of a write has failed. */
interface FailedCondition {
  /** The stored item. */
  readonly item: Item | undefined
}

/** DynamoDB has throttled a request, and nothing is written. */
export interface Throttled {
  readonly throttled: DynamodbFailure
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

// How often a request is signed again after DynamoDB refused its signature: a wrong secret fails quickly.
const maxRefusals = 3

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

  /** The largest number of retries of a request. */
  get retries(): number {
    return this.#options.retries
  }

  /** Receives what the store measures; undefined if nothing does. */
  get measure(): ((metric: Metric) => void) | undefined {
    return this.#options.measure
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

  report(kind: IncidentMetric['kind'], { table, key }: Subject, reason: string, attempt: number): void {
    this.#options.measure?.({ kind, table, key, reason, attempt })
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
    const { client, sdk } = await abortable(this.#ready(), signal)
    const Command = sdk[`${command}Command`] as CommandClass
    const gate = gateOf(client)
    const { reportCapacity, requestTimeout } = this.#options
    const whole = reportCapacity ? askingForCapacity(command, input) : input
    // An abort ends a read at once. It does not end an attempt of a write: the answer says whether it was written.
    const attemptSignal = isRead(command) ? signal : undefined
    let mayBeDone = false
    let timeouts = 0
    let refusals = 0
    for (let attempt = 1; ; attempt++) {
      signal?.throwIfAborted()
      await gate.enter(this.#urgency, signal)
      try {
        const deadline = deadlineOf(command, requestTimeout, timeouts)
        const output = await sendWithin(deadline, attemptSignal, async (abortSignal) =>
          client.send(new Command(whole), { abortSignal }),
        )
        if (reportCapacity) {
          for (const capacity of capacitiesOf(subject, command, output)) this.#options.measure?.(capacity)
        }
        return { output: output as Output }
      } catch (error) {
        attemptSignal?.throwIfAborted()
        const answer = answerOf(error)
        if (answer !== undefined) return { answer }
        const kind = transientKindOf(error)
        const failure = new DynamodbFailure(subject, error)
        if (kind !== undefined) this.report(kind, subject, failure.reason, attempt)
        const isLast = attempt > this.#options.retries || (kind === 'credentials' && ++refusals > maxRefusals)
        if (kind === undefined || (isLast && kind === 'credentials' && !isExpired(error))) {
          const refused = refusal(subject, error, input)
          // The answer to an earlier attempt was lost, and this refusal says nothing about it: the outcome is
          // unknown.
          const isUnknown = mayBeDone && refused instanceof StorageError && !isRequestAtFault(refused)
          throw isUnknown ? new StoreUnavailableError(subject.doing, attempt - 1, refused.cause) : refused
        }
        if (isLast) throw new StoreUnavailableError(subject.doing, attempt - 1, failure)
        mayBeDone ||= kind === 'retry'
        if (error instanceof AttemptTimeout) timeouts++
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
    return (await this.#write(subject, command, input, failedCondition, signal)) as WriteResult
  }

  /** Writes one item like `write`, but does not retry a request that DynamoDB throttles. */
  async writeUnlessThrottled(
    subject: Subject,
    command: 'PutItem' | 'UpdateItem' | 'DeleteItem',
    input: object,
    signal?: AbortSignal,
  ): Promise<WriteResult | Throttled> {
    const answerOf = (error: unknown): FailedCondition | Throttled | undefined => {
      if (transientKindOf(error) !== 'throttle') return failedCondition(error)
      const throttled = new DynamodbFailure(subject, error)
      this.report('throttle', subject, throttled.reason, 1)
      return { throttled }
    }
    return this.#write(subject, command, input, answerOf, signal)
  }

  async #write(
    subject: Subject,
    command: string,
    input: object,
    answerOf: (error: unknown) => FailedCondition | Throttled | undefined,
    signal: AbortSignal | undefined,
  ): Promise<WriteResult | Throttled> {
    const whole = { TableName: subject.table, ReturnValuesOnConditionCheckFailure: 'ALL_OLD', ...input }
    const { output, answer } = await this.#call<{ Attributes?: Item }, FailedCondition | Throttled>(
      subject,
      command,
      whole,
      answerOf,
      signal,
    )
    if (answer !== undefined) return 'throttled' in answer ? answer : { done: false, item: answer.item }
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
        const unprocessed = output.UnprocessedItems?.[subject.table] ?? []
        if (unprocessed.length < remaining.length) attempt = 1
        if (unprocessed.length > 0) await this.#unprocessed(subject, attempt, signal)
        remaining = unprocessed
      }
    }
  }

  async close(): Promise<void> {
    const { client, isOwned } = (await this.#opened?.catch(() => undefined)) ?? {}
    if (isOwned) client?.destroy()
  }
}
