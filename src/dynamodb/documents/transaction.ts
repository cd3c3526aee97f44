/**
 * A transaction of the storage on DynamoDB. It remembers what it read and collects what it writes. At the
 * end, one `TransactWriteItems` writes all of it if what it read has not changed (optimistic concurrency:
 * Kung and Robinson, 1981).
 */
import {
  type Comparison,
  collectionGeneration,
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
  StoreUnavailableError,
  type SubscriptionDefinition,
  TransactionOverError,
  WriteConditionError,
} from '../../storage/index.ts'
import type { Environment } from '../environment.ts'
import { type Item, numberOf } from '../requests/attributes.ts'
import type { CancellationReason } from '../requests/errors.ts'
import type { Part, TransactItem } from '../requests/writer.ts'
import { advancePart, fencePart, longestLock, parkingFencePart } from '../subscriptions/checkpoint.ts'
import { unparkPart } from '../subscriptions/parked.ts'
import type { DynamodbSubscriptions } from '../subscriptions/subscription.ts'
import type { DocumentReads } from './document-reads.ts'
import {
  addressName,
  documentCheck,
  documentOf,
  documentUpdate,
  type KnownItem,
  readDocumentItems,
} from './documents.ts'
import type { ProjectionLock, ProjectionLocks } from './projection-lock.ts'
import type { ProjectionRegistry } from './projection-registry.ts'

/** The transaction that handlers and raw projections write with. */
export interface DynamodbTransaction extends HandlerTransaction {
  /**
   * Adds items of your own tables to the transaction, in the form of `TransactWriteItems`. DynamoDB writes
   * them with the transaction, after the handler has returned. If one of their conditions fails, nothing is
   * written, and the transaction fails with a `WriteConditionError`.
   *
   * @throws TransactionOverError if the transaction is over
   */
  write(...items: readonly TransactItem[]): void
}

/** Thrown when an append with a later slot has already written one of the documents: this append must take a later slot. */
class SlotTooEarly extends Error {}

/** The parts of the storage that a transaction uses. */
export interface TransactionContext {
  readonly environment: Environment
  readonly registry: ProjectionRegistry
  readonly locks: ProjectionLocks
  readonly documents: DocumentReads
  readonly subscriptions: DynamodbSubscriptions
}

export class DynamodbStorageTransaction implements StorageTransaction {
  readonly user: DynamodbTransaction
  readonly #context: TransactionContext
  readonly #environment: Environment
  /** The first position of the append that the transaction belongs to; undefined if it belongs to none. */
  readonly #appendsAt: number | undefined
  readonly #signal: AbortSignal | undefined
  readonly #known = new Map<
    string,
    KnownItem & { readonly address: DocumentAddress; readonly isLocked: boolean }
  >()
  readonly #changes = new Map<string, DocumentChange>()
  /** The items of the user's own tables. */
  readonly #userItems: TransactItem[] = []
  /** Parts that must not be written before the documents are: checkpoints and generations. */
  readonly #lastParts: Part[] = []
  /** They never reject. */
  readonly #whenCommitted: (() => Promise<void>)[] = []
  #fence: Part | undefined
  /** In the order in which they were taken. */
  readonly #locks: ProjectionLock[] = []
  /** The projection that the transaction changes. */
  #changedProjection: RegisteredProjection | undefined
  #lockedAt = Number.POSITIVE_INFINITY
  /** Whether the append needs a later slot. Stays true even if the user's code catches the error. */
  isTooEarly = false
  #isOver = false

  constructor(context: TransactionContext, appendsAt: number | undefined, signal: AbortSignal | undefined) {
    this.#context = context
    this.#environment = context.environment
    this.#appendsAt = appendsAt
    this.#signal = signal
    this.user = {
      ...handlerDocuments(this),
      write: (...items) => {
        this.#checkOpen()
        this.#userItems.push(...items)
      },
    }
  }

  #checkOpen(): void {
    if (this.#isOver) throw new TransactionOverError()
  }

  async lockDocuments(addresses: readonly DocumentAddress[]): Promise<LockedDocuments> {
    this.#checkOpen()
    const names = [
      ...new Set(addresses.filter((one) => this.#mayBeStale(one)).map(({ projection }) => projection)),
    ]
    const [items, generations] = await Promise.all([
      this.#read(addresses, true),
      this.#context.registry.generations(names, this.#signal),
    ])
    this.#checkOpen()
    const isStale = addresses.some(
      ({ projection, generation }) =>
        generations.has(projection) && generations.get(projection) !== generation,
    )
    return isStale ? 'stale' : items.map(documentOf)
  }

  /**
   * Whether readers may use another generation by now. For an append's own projections, the counter that came with its
   * slot has ruled that out. But a name that this process uses for a collection may be a projection of another process.
   */
  #mayBeStale({ generation }: DocumentAddress): boolean {
    return this.#appendsAt === undefined || generation === collectionGeneration
  }

  /** Returns a deleted document with the state `null`: its position says which events it contains. */
  async readDocuments(
    addresses: readonly DocumentAddress[],
  ): Promise<readonly (StoredDocument | undefined)[]> {
    const items = await this.#read(addresses, false)
    return items.map((item, index) => {
      if (item?.x === undefined) return documentOf(item)
      const { key } = addresses[index] as DocumentAddress
      return { key, state: 'null', revision: 0, position: numberOf(item, 'o') as number }
    })
  }

  /** Returns the items as they were when this transaction read them first, with its own changes. */
  async #read(addresses: readonly DocumentAddress[], isLocked: boolean): Promise<(Item | undefined)[]> {
    const unknown = addresses.filter((address) => !this.#known.has(addressName(address)))
    const { connection, tables } = this.#environment
    const found = await readDocumentItems(connection, tables, unknown, this.#signal)
    for (const [index, address] of unknown.entries()) {
      const item = found[index]
      if (this.#appendsAt !== undefined && (numberOf(item, 'g') ?? 0) > this.#appendsAt) {
        this.isTooEarly = true
        throw new SlotTooEarly()
      }
      if (!this.#known.has(addressName(address)))
        this.#known.set(addressName(address), { item, address, isLocked })
    }
    return addresses.map((address) => this.#withChange(address))
  }

  #withChange(address: DocumentAddress): Item | undefined {
    const item = this.#known.get(addressName(address))?.item
    const change = this.#changes.get(addressName(address))
    if (change === undefined) return item
    const changed = { s: { S: address.key }, o: { N: String(change.position) } }
    if (change.state === null) return { ...changed, x: { BOOL: true } }
    const before = item?.x === undefined ? (numberOf(item, 'r') ?? 0) : 0
    return { ...changed, d: { S: change.state }, r: { N: String(before + 1) } }
  }

  async writeDocuments(changes: readonly DocumentChange[]): Promise<void> {
    this.#checkOpen()
    for (const change of changes) this.#changes.set(addressName(change), change)
  }

  async advance(lease: Lease, position: number): Promise<void> {
    this.#checkOpen()
    this.#fence = fencePart(this.#environment.tables.log, lease)
    this.#lastParts.push(advancePart(this.#environment.tables.log, lease, position))
    this.#whenCommitted.push(async () => this.#context.subscriptions.noteAdvanced(lease, position))
  }

  async unpark(lease: Lease, position: number): Promise<void> {
    this.#checkOpen()
    this.#lastParts.push(
      parkingFencePart(this.#environment.tables.log, lease),
      unparkPart(this.#environment.tables.log, lease, position),
    )
  }

  async lockProjection(name: string): Promise<void> {
    this.#checkOpen()
    // Inside an append, its slot orders the writes: no lock is needed.
    if (this.#appendsAt !== undefined || this.#locks.some((lock) => lock.name === name)) return
    await this.#takeLock(() => this.#context.locks.lock(name, this.#signal))
  }

  async lockAppends(): Promise<boolean> {
    this.#checkOpen()
    await this.#takeLock(() => this.#context.locks.lockAppends(this.#signal))
    return true
  }

  async #takeLock(take: () => Promise<ProjectionLock>): Promise<void> {
    const lockedAt = performance.now()
    const lock = await take()
    // The caller may have ended the transaction while it waited for the lock.
    if (this.#isOver) await lock.release()
    this.#checkOpen()
    this.#lockedAt = Math.min(this.#lockedAt, lockedAt)
    this.#locks.push(lock)
  }

  readLogPage(query: LogQuery): Promise<LogPage> {
    return this.#environment.log.readLogPage(query, this.#signal)
  }

  async lastPosition(readTo = 0): Promise<number> {
    const { log } = this.#environment
    // An append that took its slot before the lock may still use it: wait until all slots are settled. Appends wait
    // meanwhile, so skip the slots that the caller has read: they are settled.
    if (this.#locks.length > 0) await log.settleAfter(readTo, this.#signal)
    return log.lastPosition(this.#signal)
  }

  async checkpoint(subscription: string): Promise<number | undefined> {
    const checkpoints = await this.#context.subscriptions.checkpoints(subscription, this.#signal)
    return checkpoints.length === 0 ? undefined : Math.min(...checkpoints.map(({ position }) => position))
  }

  compareDocuments(projection: string, left: number, right: number, limit: number): Promise<Comparison> {
    const pending = [...this.#changes.values()].filter((change) => change.projection === projection)
    return this.#context.documents.compare(projection, [left, right], limit, pending, this.#signal)
  }

  async setProjection(projection: RegisteredProjection): Promise<void> {
    this.#changedProjection = projection
    this.#lastParts.push(this.#context.registry.setGenerationPart(projection))
  }

  async moveCheckpoints(
    subscription: string,
    definition: SubscriptionDefinition,
    position: number,
  ): Promise<void> {
    const { subscriptions } = this.#context
    this.#lastParts.push(
      ...(await subscriptions.moveCheckpointParts(subscription, definition, position, this.#signal)),
    )
    this.#whenCommitted.push(() => subscriptions.reportChange())
  }

  /** All writes, with the conditions on the documents that were read. */
  parts(): Part[] {
    const keepDeleted = this.#appendsAt === undefined && this.#isBuild()
    return [...this.#documentParts(keepDeleted), ...this.#userParts(), ...this.#endParts()]
  }

  #endParts(): Part[] {
    const lock = this.#locks.at(-1)
    if (lock === undefined) return this.#lastParts
    const names = this.#locks.map(({ name }) => name)
    return [...this.#lastParts, this.#context.locks.unlockPart(lock.counter, names, this.#changedProjection)]
  }

  /** Whether it writes documents that it has not locked: documents of a generation that nobody reads yet. */
  #isBuild(): boolean {
    return [...this.#changes].some(([name]) => this.#known.get(name)?.isLocked !== true)
  }

  #documentParts(keepDeleted: boolean): Part[] {
    const { tables, compress } = this.#environment
    const failed = () => undefined
    const parts: Part[] = []
    for (const [name, change] of this.#changes) {
      const known = this.#known.get(name)
      const { update, size } = documentUpdate(tables, change, known?.isLocked ? known : undefined, {
        appendsAt: this.#appendsAt,
        compress,
        keepDeleted,
      })
      parts.push({ item: update, size, name: `document '${change.key}' of '${change.projection}'`, failed })
    }
    for (const [name, known] of this.#known) {
      if (this.#changes.has(name) || !known.isLocked) continue
      // An append with an earlier slot may come later: it must see that this transaction has read the
      // document.
      const { key, projection } = known.address
      const item = documentCheck(tables, known.address, known, this.#appendsAt)
      parts.push({ item, size: 0, name: `document '${key}' of '${projection}'`, failed })
    }
    return parts
  }

  #userParts(): Part[] {
    const failed = ({ Item }: CancellationReason) => new WriteConditionError(Item)
    return this.#userItems.map((item) => ({
      item,
      size: Buffer.byteLength(JSON.stringify(item)),
      name: 'item given to tx.write',
      failed,
    }))
  }

  /**
   * Writes everything, or throws and has written nothing. Only a build may be written in part: see below.
   *
   * @throws WriteConditionError if a condition of the user's own items fails
   * @throws LeaseLostError if a lease is no longer valid
   * @throws StoreUnavailableError if a document changed since it was read, or a lock lasted too long
   * @throws AppendTooLargeError if it does not fit into one transaction of DynamoDB
   */
  async commit(doing: string): Promise<void> {
    await this.#commit(doing)
    for (const report of this.#whenCommitted) await report()
  }

  async #commit(doing: string): Promise<void> {
    const { writer } = this.#environment
    this.#isOver = true
    this.#checkLocks(doing)
    const parts = this.parts()
    if (writer.fits(parts)) return this.#commitParts(doing, parts)
    // A build may be written in several transactions, each fenced by the lease, because nobody reads its
    // documents yet. The position in each document says which events it contains, so that an interrupted
    // build can resume.
    const fence = this.#fence
    if (fence === undefined || !this.#isBuild()) throw writer.tooLarge(parts)
    const documents = this.#documentParts(true)
    for (const pack of writer.packs(documents, [fence])) await this.#commitParts(doing, pack)
    await this.#commitParts(doing, [...this.#userParts(), ...this.#endParts()])
  }

  /**
   * After `longestLock`, another process may have removed the lock: what was read under it may have changed.
   */
  #checkLocks(doing: string): void {
    if (performance.now() - this.#lockedAt < longestLock) return
    throw new StoreUnavailableError(
      doing,
      0,
      new Error(`it took longer than a lock lasts, which is ${longestLock} ms`),
    )
  }

  async #commitParts(doing: string, parts: readonly Part[]): Promise<void> {
    const failures = await this.#environment.writer.write(doing, parts, this.#signal)
    if (failures === undefined) return
    for (const { part, reason } of failures) {
      const error = part.failed(reason)
      if (error !== undefined) throw error
    }
    const cause = new Error('another process has changed what it had read')
    throw new StoreUnavailableError(doing, 0, cause)
  }

  /** Ends the transaction, and releases its locks. */
  async end(): Promise<void> {
    this.#isOver = true
    // If a release fails, the processes that wait for the lock remove it after `longestLock`.
    await Promise.allSettled(this.#locks.map((lock) => lock.release()))
  }
}
