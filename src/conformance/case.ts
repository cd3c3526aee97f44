/** The type of a conformance case, and of what it needs from the store under test. No test runner is needed. */
import type { Event } from '../event.ts'
import type { AppendOptions, AppendResult, EventStore } from '../store.ts'
import type { StoreOptions } from '../store-options.ts'

/**
 * A feature that only some stores have. Skip the cases that need a feature your store lacks, and print the reason. The
 * stores of this library state it in `test/stores.ts`.
 */
export type Capability =
  /** Several stores on the same data, as several processes would open them. */
  | 'shared-data'
  /** Appends in transactions of the caller, of which several are open at the same time. */
  | 'open-transactions'
  /** Any number of streams and documents in one append. */
  | 'large-transactions'
  /** Connections through a proxy that cuts them after a commit has reached the database, before the answer arrives. */
  | 'cut-connections'

/** One statement about stores, and the code that checks it. */
export interface ConformanceCase {
  /** The subject of the case, such as `races`. */
  readonly group: string
  /** What the store does, as a sentence without its subject: "refuses …". Unique within its group. */
  readonly name: string
  /** The features that the case needs. @default none */
  readonly needs?: readonly Capability[]
  /** Resolves if the statement holds for the store. Rejects if it does not, in most cases with an `AssertionError`. */
  run(context: ConformanceContext): Promise<void>
}

/**
 * The world of one case: data without any event, which no other case uses. After the case, your test closes the stores,
 * rolls back the transactions and stops the proxies that the case has left open.
 */
export interface ConformanceContext {
  /** Opens a store. With `shared-data`, every call within one context opens another store on the same data. */
  readonly open: (options?: StoreOptions) => Promise<EventStore>
  /** Begins a transaction of the caller. Only cases that need `open-transactions` call it. */
  readonly begin: () => Promise<OpenTransaction>
  /** Opens a store whose connections the proxy can cut. Only cases that need `cut-connections` call it. */
  readonly openBehindProxy: () => Promise<{ readonly store: EventStore; readonly proxy: CuttingProxy }>
}

/** A transaction that the caller has opened, and in which the store appends. */
export interface OpenTransaction {
  /** Appends in this transaction, as `EventStore.append` does. */
  append(streamId: string, events: readonly Event[], options?: AppendOptions): Promise<AppendResult>
  /** Writes something that is no event, so that the database gives the transaction an id. */
  writeElsewhere(): Promise<void>
  commit(): Promise<void>
  rollback(): Promise<void>
}

/** A proxy between the store and the database. It can cut connections. */
export interface CuttingProxy {
  /**
   * Cuts the next `times` connections that send a write. The proxy forwards the request, the database commits it, and
   * the answer never arrives.
   */
  cutAnswers(times: number): void
  /** The number of connections that the proxy has cut so far. */
  readonly cuts: number
}
