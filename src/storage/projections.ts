/** What a storage must do to keep documents: a part of `Storage`. */

import type { HandlerTransaction } from '../projection/transaction.ts'
import type { LogPage, LogQuery } from './log-query.ts'
import type { Lease } from './subscriptions.ts'

/**
 * Where a document is. The documents of a projection that is built anew are another generation beside the one that
 * is read.
 */
export interface DocumentAddress {
  readonly projection: string
  readonly generation: number
  readonly key: string
}

export interface StoredDocument {
  readonly key: string
  /** As JSON text. */
  readonly state: string
  /** How often it was written since it was made: 1 for a new one. */
  readonly revision: number
  /** The position of the event that changed it last. */
  readonly position: number
}

export interface DocumentChange extends DocumentAddress {
  /** As JSON text; null deletes the document. */
  readonly state: string | null
  readonly position: number
}

export type ProjectionMode = 'inline' | 'async'

/** A projection, in the version and generation that is read; version 0: none is complete yet. */
export interface RegisteredProjection {
  readonly name: string
  readonly version: number
  readonly generation: number
  readonly mode: ProjectionMode
}

export type ProjectionToRegister = Omit<RegisteredProjection, 'generation'>

/** A document that two generations do not agree on; states as JSON text, undefined: there is no such document. */
export interface DocumentDifference {
  readonly key: string
  readonly left: string | undefined
  readonly right: string | undefined
}

export interface Comparison {
  /** How many documents either has. */
  readonly documents: number
  readonly differences: readonly DocumentDifference[]
}

/** What `lockDocuments` answers. */
export type LockedDocuments = readonly (StoredDocument | undefined)[] | 'stale'

/**
 * A transaction of the storage: all of it is done, or nothing. Only documents of a generation that nobody reads may be
 * written in part, if a lease is advanced with them: what is folded into each is known by its position.
 */
export interface StorageTransaction {
  /** What the user's code is given. */
  readonly user: HandlerTransaction
  /**
   * Reads documents of generations that are read, and keeps everybody else from changing them (or from making those
   * that are not there) until the end. The answer has the order of what was asked; no address is asked for twice.
   * 'stale': a generation is not the one that is read any more; then nothing can be committed.
   */
  lockDocuments(addresses: readonly DocumentAddress[]): Promise<LockedDocuments>
  /**
   * Reads documents of a generation that nobody else writes. One that was deleted may be told as of state `null`, with
   * the position that it was deleted at.
   */
  readDocuments(addresses: readonly DocumentAddress[]): Promise<readonly (StoredDocument | undefined)[]>
  /** Each document once. */
  writeDocuments(changes: readonly DocumentChange[]): Promise<void>
  /**
   * Moves the checkpoint of a lease on (never back), as the last thing that is done.
   * @throws LeaseLostError if the lease has ended, or somebody else has it; then nothing can be committed
   */
  advance(lease: Lease, position: number): Promise<void>
  /** Forgets a parked event that has been handled. @throws LeaseLostError */
  unpark(lease: Lease, position: number): Promise<void>
  /**
   * Keeps all others from writing documents of the projection until the end, once those under way are over, and
   * appends too if it is inline. To be called first in a transaction.
   */
  lockProjection(name: string): Promise<void>
  /** Reads the log as the storage does; a store with one connection could not do so outside of this transaction. */
  readLogPage(query: LogQuery): Promise<LogPage>
  /** See `lastPosition` of the storage. */
  lastPosition(): Promise<number>
  /** The checkpoint of a subscription, of several the one that is furthest behind; undefined if there is no such subscription. */
  checkpoint(subscription: string): Promise<number | undefined>
  /** Compares two generations of a projection: the first documents that differ (in state), by key. */
  compareDocuments(projection: string, left: number, right: number, limit: number): Promise<Comparison>
  /** Makes this generation the one that is read. The others' documents stay until `dropDocuments`. */
  setProjection(projection: RegisteredProjection): Promise<void>
  /**
   * All checkpoints of the subscription are at this position from now on, and nothing up to it is parked any more; made
   * (with one partition) if there is none. Whoever holds a lease loses it.
   */
  moveCheckpoints(subscription: string, position: number): Promise<void>
}

export interface ProjectionStorage {
  /** Runs a transaction, once: whoever calls knows best what to do about a failure in passing. */
  transaction<T>(
    what: string,
    work: (transaction: StorageTransaction) => Promise<T>,
    signal?: AbortSignal,
  ): Promise<T>

  /**
   * Registers projections that are not registered yet, as generation 1, and answers with what is registered under
   * their names, in the order given. An inline one is registered only while the log has no events and nobody is
   * appending; otherwise it stays unregistered (undefined), because its documents would lack all that came before.
   */
  registerProjections(
    projections: readonly ProjectionToRegister[],
    signal?: AbortSignal,
  ): Promise<readonly (RegisteredProjection | undefined)[]>

  /** What is registered under the name. */
  registeredProjection(name: string, signal?: AbortSignal): Promise<RegisteredProjection | undefined>

  /**
   * A generation to build: the one that a build of this version was begun with and not ended (`resumed`), or a new
   * one. Registers the projection (version 0, generation 0) if it is not yet.
   */
  beginBuild(
    projection: ProjectionToRegister,
    signal?: AbortSignal,
  ): Promise<{ readonly generation: number; readonly resumed: boolean }>

  /** A document in the generation that is read, or of a collection (generation 0, if none is registered). */
  readDocument(projection: string, key: string, signal?: AbortSignal): Promise<StoredDocument | undefined>

  /** Documents of that generation whose key begins with `prefix` and sorts after `after`, in code point order. */
  listDocuments(
    projection: string,
    prefix: string,
    after: string,
    limit: number,
    signal?: AbortSignal,
  ): Promise<readonly StoredDocument[]>

  /**
   * Deletes some of the documents of generations that are neither read nor the one to keep; answers with how many,
   * 0 when there are none left. With nothing to keep, a build that was begun is forgotten.
   */
  dropDocuments(projection: string, keep: number | undefined, signal?: AbortSignal): Promise<number>
}
