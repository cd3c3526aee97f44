/** What a conformance case is, and what it needs from the store under test. Knows no test runner. */
import type { Event } from '../event.ts'
import type { AppendOptions, AppendResult, EventStore, StoreOptions } from '../store.ts'

/**
 * What only some stores can do. A case that needs more than a store has is skipped, and the store's entry in
 * the list of stores must say why it lacks it.
 */
export type Capability =
  /** Several store instances, as in several processes, on the same data. */
  | 'shared-data'
  /** Appending in transactions of the caller that are open side by side. */
  | 'open-transactions'
  /** Writing any number of streams and documents in one append. */
  | 'large-transactions'
  /** Cutting the connection after the database was told to commit, before it answers. */
  | 'cut-connections'

export interface ConformanceCase {
  /** What the case is about, such as `races`. */
  readonly group: string
  /** What the store does, as the rest of a sentence: "refuses …". Unique within its group. */
  readonly name: string
  readonly needs?: readonly Capability[]
  /** Resolves if the store does so, and rejects (mostly with an AssertionError) if it does not. */
  run(context: ConformanceContext): Promise<void>
}

/**
 * One case's own world: no event in it at first, and nobody else. Whoever makes it closes the stores, ends the
 * transactions and stops the proxies that a case leaves open.
 */
export interface ConformanceContext {
  /** Opens a store. Every call within one context gives another instance on the same data (`shared-data`). */
  readonly open: (options?: StoreOptions) => Promise<EventStore>
  /** Begins a transaction of the caller's own (`open-transactions`). */
  readonly begin: () => Promise<OpenTransaction>
  /** Opens a store whose connections can be cut (`cut-connections`). */
  readonly openBehindProxy: () => Promise<{ readonly store: EventStore; readonly proxy: CuttingProxy }>
}

/** A transaction opened by the caller, in which the store appends. */
export interface OpenTransaction {
  append(streamId: string, events: readonly Event[], options?: AppendOptions): Promise<AppendResult>
  /** Makes the transaction a writing one without appending: the database gives it an id of its own. */
  writeElsewhere(): Promise<void>
  commit(): Promise<void>
  rollback(): Promise<void>
}

export interface CuttingProxy {
  /**
   * Cuts the next `times` connections that send a write: the request is forwarded to the database and done
   * there, but the answer never comes back.
   */
  cutAnswers(times: number): void
  /** How many connections were cut so far. */
  readonly cuts: number
}
