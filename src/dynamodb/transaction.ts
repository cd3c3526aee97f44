/**
 * A transaction of the storage on DynamoDB: what is read is remembered, what is written is kept, and at the end one
 * TransactWriteItems writes it all if what was read is still so (optimistic concurrency: Kung and Robinson, 1981).
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
  TransactionOverError,
  WriteConditionError,
} from '../storage/index.ts'
import { type Item, numberOf } from './attributes.ts'
import { advancing, fence, longestLock } from './checkpoint.ts'
import {
  documentCheck,
  documentOf,
  documentUpdate,
  type KnownItem,
  nameOf,
  readDocumentItems,
} from './documents.ts'
import type { Environment } from './environment.ts'
import type { CancellationReason } from './errors.ts'
import { unparking } from './parked.ts'
import type { DynamodbProjections } from './projection.ts'
import type { DynamodbSubscriptions } from './subscription.ts'
import type { Part, TransactItem } from './writer.ts'

/** What handlers and raw projections write with. */
export interface DynamodbTransaction extends HandlerTransaction {
  /**
   * Adds items of your own tables to the transaction, in the form of `TransactWriteItems`. A condition of theirs that
   * fails is thrown as a WriteConditionError.
   */
  write(...items: readonly TransactItem[]): void
}

/** The slot is before one whose append wrote such a document already. */
class SlotTooEarly extends Error {}

export class WorkTransaction implements StorageTransaction {
  readonly user: DynamodbTransaction
  readonly #environment: Environment
  readonly #projections: DynamodbProjections
  readonly #subscriptions: DynamodbSubscriptions
  readonly #slot: number | undefined
  readonly #signal: AbortSignal | undefined
  readonly #known = new Map<
    string,
    KnownItem & { readonly address: DocumentAddress; readonly isLocked: boolean }
  >()
  readonly #changes = new Map<string, DocumentChange>()
  readonly #own: TransactItem[] = []
  readonly #ends: Part[] = []
  #fence: Part | undefined
  readonly #locks = new Map<string, () => Promise<void>>()
  #lockedAt = Number.POSITIVE_INFINITY
  /** Whether the append needs a later slot; also if the user's code has caught the error that said so. */
  isTooEarly = false
  #isOver = false

  constructor(
    environment: Environment,
    projections: DynamodbProjections,
    subscriptions: DynamodbSubscriptions,
    slot: number | undefined,
    signal: AbortSignal | undefined,
  ) {
    this.#environment = environment
    this.#projections = projections
    this.#subscriptions = subscriptions
    this.#slot = slot
    this.#signal = signal
    this.user = {
      ...handlerDocuments(this),
      write: (...items) => {
        this.#checkOpen()
        this.#own.push(...items)
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
      this.#projections.generations(names, this.#signal),
    ])
    this.#checkOpen()
    const isStale = addresses.some(
      ({ projection, generation }) =>
        generations.has(projection) && generations.get(projection) !== generation,
    )
    return isStale ? 'stale' : items.map(documentOf)
  }

  /** An append knows by its slot which generations are read; only collections may be projections unknown to it. */
  #mayBeStale({ generation }: DocumentAddress): boolean {
    return this.#slot === undefined || generation === collectionGeneration
  }

  /** A deleted document is told as one of state null: its position says which events are folded in. */
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

  /** The items, as they were when they were first read, with what was written since. */
  async #read(addresses: readonly DocumentAddress[], isLocked: boolean): Promise<(Item | undefined)[]> {
    const unknown = addresses.filter((address) => !this.#known.has(nameOf(address)))
    const { connection, tables } = this.#environment
    const found = await readDocumentItems(connection, tables, unknown, this.#signal)
    for (const [index, address] of unknown.entries()) {
      const item = found[index]
      if (this.#slot !== undefined && (numberOf(item, 'g') ?? 0) > this.#slot) {
        this.isTooEarly = true
        throw new SlotTooEarly()
      }
      if (!this.#known.has(nameOf(address))) this.#known.set(nameOf(address), { item, address, isLocked })
    }
    return addresses.map((address) => this.#present(address))
  }

  #present(address: DocumentAddress): Item | undefined {
    const item = this.#known.get(nameOf(address))?.item
    const change = this.#changes.get(nameOf(address))
    if (change === undefined) return item
    const place = { s: { S: address.key }, o: { N: String(change.position) } }
    if (change.state === null) return { ...place, x: { BOOL: true } }
    const before = item?.x === undefined ? (numberOf(item, 'r') ?? 0) : 0
    return { ...place, d: { S: change.state }, r: { N: String(before + 1) } }
  }

  async writeDocuments(changes: readonly DocumentChange[]): Promise<void> {
    this.#checkOpen()
    for (const change of changes) this.#changes.set(nameOf(change), change)
  }

  async advance(lease: Lease, position: number): Promise<void> {
    this.#checkOpen()
    this.#fence = fence(this.#environment.tables.log, lease)
    this.#ends.push(advancing(this.#environment.tables.log, lease, position))
  }

  async unpark(lease: Lease, position: number): Promise<void> {
    this.#checkOpen()
    this.#ends.push(
      fence(this.#environment.tables.log, lease),
      unparking(this.#environment.tables.log, lease, position),
    )
  }

  async lockProjection(name: string): Promise<void> {
    this.#checkOpen()
    // The work of an append is fenced by its slot already.
    if (this.#slot !== undefined || this.#locks.has(name)) return
    const lockedAt = performance.now()
    const { parts, release } = await this.#projections.lock(name, this.#signal)
    // Whoever waited for it may have given up meanwhile.
    if (this.#isOver) await release()
    this.#checkOpen()
    this.#lockedAt = lockedAt
    this.#locks.set(name, release)
    this.#ends.push(...parts)
  }

  readLogPage(query: LogQuery): Promise<LogPage> {
    return this.#environment.log.readLogPage(query, this.#signal)
  }

  async lastPosition(): Promise<number> {
    const { log } = this.#environment
    // Whoever has a slot from before the lock may still use it.
    if (this.#locks.size > 0) await log.settleAll(this.#signal)
    return log.lastPosition(this.#signal)
  }

  async checkpoint(subscription: string): Promise<number | undefined> {
    const checkpoints = await this.#subscriptions.checkpoints(subscription, this.#signal)
    return checkpoints.length === 0 ? undefined : Math.min(...checkpoints.map(({ position }) => position))
  }

  compareDocuments(projection: string, left: number, right: number, limit: number): Promise<Comparison> {
    const pending = [...this.#changes.values()].filter((change) => change.projection === projection)
    return this.#projections.compare(projection, [left, right], limit, pending, this.#signal)
  }

  async setProjection(projection: RegisteredProjection): Promise<void> {
    this.#ends.push(this.#projections.setting(projection))
  }

  async moveCheckpoints(subscription: string, position: number): Promise<void> {
    this.#ends.push(...(await this.#subscriptions.moving(subscription, position, this.#signal)))
  }

  /** What is written, with the conditions on what was read. */
  parts(): Part[] {
    const keepDeleted = this.#slot === undefined && this.#isBuild()
    return [...this.#documentParts(keepDeleted), ...this.#ownParts(), ...this.#ends]
  }

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
        slot: this.#slot,
        compress,
        keepDeleted,
      })
      parts.push({ item: update, size, name: `document '${change.key}' of '${change.projection}'`, failed })
    }
    for (const [name, known] of this.#known) {
      if (this.#changes.has(name) || !known.isLocked) continue
      // Who writes it later with an earlier slot must see that it was read.
      const { key, projection } = known.address
      const item = documentCheck(tables, known.address, known, this.#slot)
      parts.push({ item, size: 0, name: `document '${key}' of '${projection}'`, failed })
    }
    return parts
  }

  #ownParts(): Part[] {
    const failed = ({ Item }: CancellationReason) => new WriteConditionError(Item)
    return this.#own.map((item) => ({
      item,
      size: Buffer.byteLength(JSON.stringify(item)),
      name: 'item given to tx.write',
      failed,
    }))
  }

  /** Writes it all, or throws and has written nothing. */
  async commit(doing: string): Promise<void> {
    const { writer } = this.#environment
    this.#isOver = true
    this.#checkLocks(doing)
    const parts = this.parts()
    if (writer.fits(parts)) return this.#commitParts(doing, parts)
    // Documents that nobody reads yet may be written in several steps, each by whoever has the lease: a position in each
    // tells what is folded in, if it is gone on with later.
    const fence = this.#fence
    if (fence === undefined || !this.#isBuild()) throw writer.tooLarge(parts)
    const documents = this.#documentParts(true)
    for (const pack of writer.packs(documents, [fence])) await this.#commitParts(doing, pack)
    await this.#commitParts(doing, [...this.#ownParts(), ...this.#ends])
  }

  /** What was read under a lock that has ended is not to be relied on. */
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
    const cause = new Error('what it had read was changed by somebody else meanwhile')
    throw new StoreUnavailableError(doing, 0, cause)
  }

  /** Lets others go on. */
  async end(): Promise<void> {
    this.#isOver = true
    // One that stays is taken away after a while by whoever waits for it.
    await Promise.allSettled([...this.#locks.values()].map((release) => release()))
  }
}
