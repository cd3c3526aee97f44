/**
 * Transactions in memory. A transaction keeps its writes to itself. `commit` applies all of them in one step, without
 * an `await`. A transaction that locks waits until no other transaction holds the lock, so that only one at a time is
 * between its first lock and its end.
 *
 *     open ── lock() ──► holds the turn ── commit() ──► all writes applied ── end() ──► over
 *       │                      │                                                         ▲
 *       └──────────────────────┴────────── an error or an abort: no write applied ───────┘
 */
import type { AsyncLocalStorage } from 'node:async_hooks'
import {
  abortable,
  type Comparison,
  type DocumentAddress,
  type DocumentChange,
  type HandlerTransaction,
  handlerDocuments,
  type Lease,
  type LockedDocuments,
  type LogPage,
  type LogQuery,
  NestedCallError,
  type RegisteredProjection,
  type StorageTransaction,
  type StoredDocument,
  type SubscriptionDefinition,
  TransactionOverError,
} from '../storage/index.ts'
import type { MemoryDocuments } from './documents.ts'
import type { MemorySubscriptions } from './subscriptions.ts'

/** The methods of the log that a transaction calls. */
export interface LogReader {
  readLogPage(query: LogQuery): Promise<LogPage>
  lastPosition(): Promise<number>
}

/** The lock of the store: it admits one transaction at a time, in the order in which they called `enter`. */
export class Turnstile {
  /** Whether the transaction that holds the lock keeps all appends waiting, even if they need no lock. */
  blocksAppends = false
  /** Resolves when the last caller of `enter` has left. */
  #last: Promise<void> = Promise.resolve()

  /**
   * Waits for its turn, and resolves with the function that ends the turn. A caller whose signal is aborted while it
   * waits leaves the queue, and the callers behind it do not wait for it.
   */
  async enter(signal?: AbortSignal): Promise<() => void> {
    const before = this.#last
    let leave = () => {}
    this.#last = new Promise((resolve) => {
      leave = resolve
    })
    try {
      await abortable(before, signal)
    } catch (error) {
      before.then(leave)
      throw error
    }
    return leave
  }
}

/** The data of one store that its transactions read and write. */
export interface MemoryData {
  readonly log: LogReader
  readonly documents: MemoryDocuments
  readonly subscriptions: MemorySubscriptions
  readonly turnstile: Turnstile
  /** The transaction whose work the present code belongs to, if any. */
  readonly inside: AsyncLocalStorage<MemoryTransaction>
}

/**
 * Runs `work` in a transaction and commits it. If `work` throws, or the signal is aborted before `work` ends, the
 * transaction writes nothing. Work that still runs then gets a `TransactionOverError` from its next lock or write.
 */
export async function transact<T>(
  data: MemoryData,
  work: (transaction: MemoryTransaction) => Promise<T>,
  signal?: AbortSignal,
): Promise<T> {
  signal?.throwIfAborted()
  const transaction = new MemoryTransaction(data, signal)
  try {
    const result = await abortable(
      data.inside.run(transaction, () => work(transaction)),
      signal,
    )
    transaction.commit()
    return result
  } finally {
    transaction.end()
  }
}

export class MemoryTransaction implements StorageTransaction {
  readonly user: HandlerTransaction = handlerDocuments(this)
  readonly #log: LogReader
  readonly #documents: MemoryDocuments
  readonly #subscriptions: MemorySubscriptions
  readonly #turnstile: Turnstile
  /** The transactions inside which this one was begun. */
  readonly #outer: MemoryTransaction | undefined
  readonly #signal: AbortSignal | undefined
  readonly #changes = new Map<string, DocumentChange>()
  /** What `commit` does beside writing the documents. Each may throw, which refuses the commit. */
  readonly #commitSteps: (() => void)[] = []
  /** Set once the transaction has asked for its turn. It resolves with the function that ends the turn. */
  #turn: Promise<() => void> | undefined
  #blocksAppends = false
  #isOver = false

  constructor(
    { log, documents, subscriptions, turnstile, inside }: MemoryData,
    signal: AbortSignal | undefined,
  ) {
    this.#outer = inside.getStore()
    this.#log = log
    this.#documents = documents
    this.#subscriptions = subscriptions
    this.#turnstile = turnstile
    this.#signal = signal
  }

  /**
   * Waits until no other transaction holds the lock, and holds it until the end. A transaction does not lock before it
   * must: a handler may append to the same store, and that append would wait for the handler's transaction.
   *
   * @throws TransactionOverError if the transaction has ended.
   * @throws NestedCallError if it was begun inside a transaction that holds the lock, or waits for it
   */
  async lock(): Promise<void> {
    this.#checkOpen()
    if (this.#outer?.keepsOthersWaiting === true) {
      throw new NestedCallError('a transactional handler or an inline projection')
    }
    this.#turn ??= this.#turnstile.enter(this.#signal)
    await this.#turn
    this.#checkOpen()
  }

  /** Whether the lock stays taken until this transaction, or one around it, has ended. */
  get keepsOthersWaiting(): boolean {
    return (!this.#isOver && this.#turn !== undefined) || this.#outer?.keepsOthersWaiting === true
  }

  #checkOpen(): void {
    if (this.#isOver) throw new TransactionOverError()
  }

  async lockDocuments(addresses: readonly DocumentAddress[]): Promise<LockedDocuments> {
    await this.lock()
    const isStale = addresses.some(
      ({ projection, generation }) => this.#documents.current(projection) !== generation,
    )
    return isStale ? 'stale' : this.readDocuments(addresses)
  }

  async readDocuments(
    addresses: readonly DocumentAddress[],
  ): Promise<readonly (StoredDocument | undefined)[]> {
    return addresses.map((address) => {
      const change = this.#changes.get(nameOf(address))
      const stored = this.#documents.at(address)
      if (change === undefined) return stored
      const { key, state, position } = change
      return state === null ? undefined : { key, state, position, revision: (stored?.revision ?? 0) + 1 }
    })
  }

  async writeDocuments(changes: readonly DocumentChange[]): Promise<void> {
    this.#checkOpen()
    for (const change of changes) this.#changes.set(nameOf(change), change)
  }

  async advance(lease: Lease, position: number): Promise<void> {
    this.#subscriptions.check(lease)
    this.#commitSteps.push(() => this.#subscriptions.advanceNow(lease, position))
  }

  async unpark(lease: Lease, position: number): Promise<void> {
    this.#subscriptions.check(lease)
    this.#commitSteps.push(() => this.#subscriptions.unparkNow(lease, position))
  }

  lockProjection(): Promise<void> {
    return this.lock()
  }

  async lockAppends(): Promise<boolean> {
    await this.lock()
    this.#blocksAppends = true
    this.#turnstile.blocksAppends = true
    return true
  }

  readLogPage(query: LogQuery): Promise<LogPage> {
    return this.#log.readLogPage(query)
  }

  lastPosition(): Promise<number> {
    return this.#log.lastPosition()
  }

  async checkpoint(subscription: string): Promise<number | undefined> {
    const checkpoints = await this.#subscriptions.checkpoints(subscription)
    return checkpoints.length === 0 ? undefined : Math.min(...checkpoints.map(({ position }) => position))
  }

  async compareDocuments(
    projection: string,
    left: number,
    right: number,
    limit: number,
  ): Promise<Comparison> {
    return this.#documents.compare(projection, left, right, limit, [...this.#changes.values()])
  }

  async setProjection(projection: RegisteredProjection): Promise<void> {
    this.#commitSteps.push(() => void this.#documents.set(projection))
  }

  async moveCheckpoints(
    subscription: string,
    definition: SubscriptionDefinition,
    position: number,
  ): Promise<void> {
    this.#commitSteps.push(() => this.#subscriptions.moveCheckpointsNow(subscription, definition, position))
  }

  /** Adds a step to the commit. It must not await anything, so that all steps are one. */
  onCommit(step: () => void): void {
    this.#commitSteps.push(step)
  }

  /** Applies all writes, or throws and applies nothing. */
  commit(): void {
    // Only `advance` and `unpark` may throw, if the lease is lost. A worker calls them last, so the reversed order runs
    // them first: when one throws, no other step has changed anything yet.
    for (const step of this.#commitSteps.toReversed()) step()
    for (const change of this.#changes.values()) this.#documents.apply(change)
  }

  /** Ends the turn, so that the next transaction can lock. Later locks and writes of this transaction are refused. */
  end(): void {
    this.#isOver = true
    if (this.#blocksAppends) this.#turnstile.blocksAppends = false
    this.#turn?.then(
      (leave) => leave(),
      () => {},
    )
  }
}

function nameOf({ projection, generation, key }: DocumentAddress): string {
  return JSON.stringify([projection, generation, key])
}
