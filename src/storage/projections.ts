/** The part of the `Storage` contract that keeps documents and runs transactions. */
import type { HandlerTransaction } from '../projection/transaction.ts'
import type { LogPage, LogQuery } from './log-query.ts'
import type { SubscriptionDefinition } from './registry.ts'
import type { Lease } from './subscriptions.ts'

/**
 * The address of a document. Each projection has one current generation, which views read. A rebuild writes another
 * generation beside it, and then makes that the current one.
 */
export interface DocumentAddress {
  /** The name of the projection, or of a collection that handlers write (see `collectionGeneration`). */
  readonly projection: string
  readonly generation: number
  readonly key: string
}

export interface StoredDocument {
  readonly key: string
  /** As JSON text. */
  readonly state: string
  /** The number of writes since the document was created: 1 for a new document. */
  readonly revision: number
  /** The position of the event that changed it last. */
  readonly position: number
}

export interface DocumentChange extends DocumentAddress {
  /** As JSON text; null deletes the document. */
  readonly state: string | null
  /** The position of the event that caused the change; 0 for a document that a handler writes. */
  readonly position: number
}

/** `inline`: documents change in the transaction of the append. `async`: a subscription changes them later. */
export type ProjectionMode = 'inline' | 'async'

/** A projection as the storage knows it. */
export interface RegisteredProjection {
  readonly name: string
  /** The version of the current documents; 0 while no generation is complete. */
  readonly version: number
  /** The current generation. */
  readonly generation: number
  readonly mode: ProjectionMode
}

export interface ListedProjection extends RegisteredProjection {
  /** The version that an unfinished build makes; undefined if no build was begun since the last one was complete. */
  readonly building: number | undefined
}

export type ProjectionToRegister = Omit<RegisteredProjection, 'generation'>

/** A document whose states differ between two generations. */
export interface DocumentDifference {
  readonly key: string
  /** As JSON text; undefined if the left generation has no such document. */
  readonly left: string | undefined
  /** As JSON text; undefined if the right generation has no such document. */
  readonly right: string | undefined
}

/** The result of comparing two generations of a projection. */
export interface Comparison {
  /** The number of keys that at least one of the two generations has. */
  readonly documents: number
  readonly differences: readonly DocumentDifference[]
}

/**
 * The documents in the order of their addresses, undefined for one that does not exist; or 'stale' if an address has a
 * generation that is not the current one. The caller must then not commit the transaction.
 */
export type LockedDocuments = readonly (StoredDocument | undefined)[] | 'stale'

/**
 * A transaction of the storage: all of its writes are committed, or none. When the transaction has ended, every call
 * through `user` throws a TransactionOverError.
 *
 * Exception for rebuilds: if the transaction writes documents of a generation that readers do not use yet, and advances
 * a lease, a storage may commit the documents in several steps. Each document stores the position of its last event, so
 * a resumed rebuild counts no event twice.
 */
export interface StorageTransaction {
  /** The object through which handlers and raw projections write. */
  readonly user: HandlerTransaction

  /**
   * Calls a function of the user in another async context, so that `checkNesting` still recognizes its calls as made
   * inside this transaction. @default the storage recognizes them without it, or does not check
   */
  readonly enter?: (<T>(work: () => T) => T) | undefined

  /**
   * Reads documents of current generations and locks them until the end of the transaction: no other transaction can
   * change them, or create one that does not exist yet. Instead of locking, a storage may refuse the commit if a
   * document has changed. Each address occurs once.
   */
  lockDocuments(addresses: readonly DocumentAddress[]): Promise<LockedDocuments>

  /**
   * Reads documents of a generation that no other process writes, without locks. Returns them in the order of the
   * addresses. A deleted document is either undefined, or has the state `null` and the position of its deletion.
   */
  readDocuments(addresses: readonly DocumentAddress[]): Promise<readonly (StoredDocument | undefined)[]>

  /**
   * Creates, replaces or deletes documents. Each document occurs once. Later reads in the transaction return the
   * changes.
   */
  writeDocuments(changes: readonly DocumentChange[]): Promise<void>

  /**
   * Holds a lease until the end of the transaction, if the storage cannot renew it meanwhile because the transaction
   * keeps the only connection: no other worker can take the lease then, even when its time has ended. Returns whether
   * it does. Must be the first call in a transaction. @default the storage can always renew leases
   * @throws LeaseLostError if the lease was released or another worker has taken it
   */
  readonly holdLease?: ((lease: Lease) => Promise<boolean>) | undefined

  /**
   * Moves the checkpoint of a lease forward, never back. Must be the last call in a transaction.
   * @throws LeaseLostError, here or at the commit, if the lease was released or another worker has taken it. Nothing is
   * committed then.
   */
  advance(lease: Lease, position: number): Promise<void>

  /**
   * Removes a parked event that was handled in this transaction.
   * @throws LeaseLostError, here or at the commit, as `advance` does
   */
  unpark(lease: Lease, position: number): Promise<void>

  /**
   * Waits until all running transactions that write documents of this projection have ended. Blocks new ones until this
   * transaction ends; for an inline projection, these are appends. Must come before any read or write of the
   * transaction.
   */
  lockProjection(name: string): Promise<void>

  /**
   * Waits until all running appends have ended, and blocks new ones until this transaction ends. That includes the
   * appends of stores that do not name the projection: the version that this transaction makes inline may select their
   * events. Must come after `lockProjection` and before any read or write. Returns false if an append stays open for too
   * long; the caller must then roll back.
   */
  lockAppends(): Promise<boolean>

  /**
   * Reads a page of the log like `Storage.readLogPage`. Needed by a storage with one connection, which cannot read
   * outside of its open transaction.
   */
  readLogPage(query: LogQuery): Promise<LogPage>

  /**
   * Returns the position of the last event, like `SubscriptionStorage.lastPosition`. `readTo`: the caller has read the log
   * up to this position. A storage that waits for running appends need not wait for earlier ones.
   */
  lastPosition(readTo?: number): Promise<number>

  /** Returns the lowest checkpoint of the subscription's partitions; undefined if there is no such subscription. */
  checkpoint(subscription: string): Promise<number | undefined>

  /**
   * Compares the states of two generations of a projection as JSON values, including the changes of this transaction.
   * Returns the first `limit` differences in the order of the keys.
   */
  compareDocuments(projection: string, left: number, right: number, limit: number): Promise<Comparison>

  /**
   * Makes this generation, version and mode the current ones. Must come after `lockProjection`, and after `lockAppends`
   * if the mode is inline. `dropDocuments` removes the other generations later.
   */
  setProjection(projection: RegisteredProjection): Promise<void>

  /**
   * Registers the subscription with this definition, or gives it this definition. Sets every checkpoint to this
   * position, forward or back, and removes the events that are parked at or before it. All leases end.
   */
  moveCheckpoints(subscription: string, definition: SubscriptionDefinition, position: number): Promise<void>
}

/** The methods of a storage that keep documents. */
export interface ProjectionStorage {
  /**
   * Runs `work` in a transaction and commits it. If `work` rejects, rolls back and rejects with the same error. Does
   * not retry: after a transient error, the caller knows whether it must look up what was committed. `what` is the
   * beginning of error messages, such as 'Handling events'.
   */
  transaction<T>(
    what: string,
    work: (transaction: StorageTransaction) => Promise<T>,
    signal?: AbortSignal,
  ): Promise<T>

  /**
   * Registers projections that are not registered yet, with generation 1. Returns what is registered under each name,
   * in the order given. An inline projection is registered only while the log has no events and no append is running;
   * otherwise it stays unregistered (undefined), because its documents would lack the earlier events. An append that
   * starts meanwhile must see the registration, or keep the projection from being registered.
   */
  registerProjections(
    projections: readonly ProjectionToRegister[],
    signal?: AbortSignal,
  ): Promise<readonly (RegisteredProjection | undefined)[]>

  /** Returns the projection that is registered under a name; undefined if there is none. */
  registeredProjection(name: string, signal?: AbortSignal): Promise<RegisteredProjection | undefined>

  /** Returns up to `limit` projections whose name sorts after `after` (exclusive), in code point order. */
  listProjections(after: string, limit: number, signal?: AbortSignal): Promise<readonly ListedProjection[]>

  /** Returns the number of documents of the current generation. */
  countDocuments(projection: string, signal?: AbortSignal): Promise<number>

  /**
   * Returns a generation to build into: the one of an unfinished build of the same version (`resumed`), or a new one.
   * Registers an unknown projection with version 0 and generation 0.
   */
  beginBuild(
    projection: ProjectionToRegister,
    signal?: AbortSignal,
  ): Promise<{ readonly generation: number; readonly resumed: boolean }>

  /** Returns a document of the current generation, or of a collection; undefined if it does not exist. */
  readDocument(projection: string, key: string, signal?: AbortSignal): Promise<StoredDocument | undefined>

  /**
   * Returns up to `limit` documents of the current generation, or of a collection, whose key begins with `prefix` and
   * sorts after `after` (exclusive), in code point order.
   */
  listDocuments(
    projection: string,
    prefix: string,
    after: string,
    limit: number,
    signal?: AbortSignal,
  ): Promise<readonly StoredDocument[]>

  /**
   * Deletes a limited number of documents whose generation is neither current nor `keep`. Returns how many; the caller
   * repeats the call until it returns 0. If `keep` is undefined, it also ends an unfinished build.
   */
  dropDocuments(projection: string, keep: number | undefined, signal?: AbortSignal): Promise<number>
}
