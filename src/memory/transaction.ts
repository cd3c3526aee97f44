/** Transactions in memory: one at a time; what they write is kept apart until they end, and then applied in one step. */
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
  type RegisteredProjection,
  type StorageTransaction,
  type StoredDocument,
  TransactionOverError,
} from '../storage/index.ts'
import type { MemoryDocuments } from './documents.ts'
import type { MemorySubscriptions } from './subscriptions.ts'

/** The log, as far as a transaction reads it. */
export interface MemoryLog {
  readLogPage(query: LogQuery): Promise<LogPage>
  lastPosition(): Promise<number>
}

/** Lets one after the other in. */
export class Turnstile {
  #last: Promise<void> = Promise.resolve()

  /** Answers with what lets the next one in. Whoever gives up while waiting leaves, and keeps nobody waiting. */
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

/** What transactions work on. */
export interface MemoryData {
  readonly log: MemoryLog
  readonly documents: MemoryDocuments
  readonly subscriptions: MemorySubscriptions
  readonly turnstile: Turnstile
}

/** Does the work and commits it; if it throws, or is given up while it goes on, nothing is done. */
export async function transact<T>(
  data: MemoryData,
  work: (transaction: MemoryTransaction) => Promise<T>,
  signal?: AbortSignal,
): Promise<T> {
  signal?.throwIfAborted()
  const transaction = new MemoryTransaction(data, signal)
  try {
    const result = await abortable(work(transaction), signal)
    transaction.commit()
    return result
  } finally {
    transaction.end()
  }
}

export class MemoryTransaction implements StorageTransaction {
  readonly user: HandlerTransaction = handlerDocuments(this)
  readonly #log: MemoryLog
  readonly #documents: MemoryDocuments
  readonly #subscriptions: MemorySubscriptions
  readonly #turnstile: Turnstile
  readonly #signal: AbortSignal | undefined
  readonly #changes = new Map<string, DocumentChange>()
  /** What is done at the end, and may still refuse it. */
  readonly #endings: (() => void)[] = []
  #turn: Promise<() => void> | undefined
  #isOver = false

  constructor({ log, documents, subscriptions, turnstile }: MemoryData, signal: AbortSignal | undefined) {
    this.#log = log
    this.#documents = documents
    this.#subscriptions = subscriptions
    this.#turnstile = turnstile
    this.#signal = signal
  }

  /**
   * Keeps all others from locking anything until the end. Not before it is needed: a handler may append to the store
   * that its transaction is of.
   */
  async lock(): Promise<void> {
    this.#checkOpen()
    this.#turn ??= this.#turnstile.enter(this.#signal)
    await this.#turn
    this.#checkOpen()
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
    this.#endings.push(() => this.#subscriptions.advanceNow(lease, position))
  }

  async unpark(lease: Lease, position: number): Promise<void> {
    this.#subscriptions.check(lease)
    this.#endings.push(() => this.#subscriptions.unparkNow(lease, position))
  }

  lockProjection(): Promise<void> {
    return this.lock()
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
    this.#endings.push(() => void this.#documents.set(projection))
  }

  async moveCheckpoints(subscription: string, position: number): Promise<void> {
    this.#endings.push(() => this.#subscriptions.moveCheckpointsNow(subscription, position))
  }

  /** Does this at the end, in the same step as everything else. */
  atEnd(end: () => void): void {
    this.#endings.push(end)
  }

  /** Applies everything, or throws and applies nothing. */
  commit(): void {
    // The last step of a worker is the one that may be refused, and it is before anything else is done.
    for (const end of this.#endings.toReversed()) end()
    for (const change of this.#changes.values()) this.#documents.apply(change)
  }

  /** Lets the next one in; whatever still comes is refused. */
  end(): void {
    this.#isOver = true
    this.#turn?.then(
      (leave) => leave(),
      () => {},
    )
  }
}

function nameOf({ projection, generation, key }: DocumentAddress): string {
  return JSON.stringify([projection, generation, key])
}
