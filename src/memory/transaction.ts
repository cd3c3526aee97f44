/** Transactions in memory: one at a time; what they write is kept apart until they end, and then applied in one step. */
import { abortable } from '../abort.ts'
import { handWritten } from '../projection/hand-written.ts'
import type {
  Comparison,
  DocumentAddress,
  DocumentChange,
  LockedDocuments,
  RegisteredProjection,
  StorageTransaction,
  StoredDocument,
} from '../projection/storage.ts'
import type { StoreTransaction } from '../projection/transaction.ts'
import type { LogPage, LogQuery } from '../storage.ts'
import type { Lease } from '../subscription/storage.ts'
import type { MemoryDocuments } from './documents.ts'
import type { MemorySubscriptions } from './subscriptions.ts'

/** The log, as far as a transaction reads it. */
export interface MemoryLog {
  readLog(query: LogQuery): Promise<LogPage>
  lastPosition(): Promise<number>
}

/** Lets one after the other in. */
export class Turnstile {
  #last: Promise<unknown> = Promise.resolve()

  /** Whoever gives up leaves: others need not wait for work that may never end. */
  async pass<T>(work: () => Promise<T>, signal?: AbortSignal): Promise<T> {
    const before = this.#last
    const passing = before.then(() => {
      signal?.throwIfAborted()
      return abortable(work(), signal)
    })
    this.#last = passing.catch(() => {})
    return passing
  }
}

export class MemoryTransaction implements StorageTransaction {
  readonly user: StoreTransaction = handWritten(this)
  readonly #documents: MemoryDocuments
  readonly #subscriptions: MemorySubscriptions
  readonly #log: MemoryLog
  readonly #changes = new Map<string, DocumentChange>()
  /** What is done at the end, and may still refuse it. */
  readonly #endings: (() => void)[] = []

  constructor(documents: MemoryDocuments, subscriptions: MemorySubscriptions, log: MemoryLog) {
    this.#documents = documents
    this.#subscriptions = subscriptions
    this.#log = log
  }

  async lockDocuments(addresses: readonly DocumentAddress[]): Promise<LockedDocuments> {
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

  /** Nothing else is in a transaction now. */
  async lockProjection(): Promise<void> {}

  readLog(query: LogQuery): Promise<LogPage> {
    return this.#log.readLog(query)
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
    // Of a generation that nobody reads yet: it may as well be there already.
    for (const change of this.#changes.values()) this.#documents.apply(change)
    this.#changes.clear()
    return this.#documents.compare(projection, left, right, limit)
  }

  async setProjection(projection: RegisteredProjection): Promise<void> {
    this.#endings.push(() => void this.#documents.set(projection))
  }

  async moveCheckpoints(subscription: string, position: number): Promise<void> {
    this.#endings.push(() => this.#subscriptions.moveCheckpointsNow(subscription, position))
  }

  /** Applies everything, or throws and applies nothing. */
  commit(): void {
    // The last step of a worker is the one that may be refused, and it is before anything else is done.
    for (const end of this.#endings.toReversed()) end()
    for (const change of this.#changes.values()) this.#documents.apply(change)
  }
}

function nameOf({ projection, generation, key }: DocumentAddress): string {
  return JSON.stringify([projection, generation, key])
}
