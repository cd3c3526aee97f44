/** The public types of `store.audit`: what operators did with the store, who did it, and when. */
import type { CallOptions } from '../call-options.ts'

/**
 * How far an action is. `started`: it begins after this entry is recorded. `done`: it has succeeded. `failed`: it has
 * ended with an error; what it did before the error stays done.
 */
export type AuditOutcome = 'started' | 'done' | 'failed'

/** What `audit.record` takes. Text is UTF-8. */
export interface NewAuditEntry {
  /** Who acted, such as `ada@console-1`: 1 to 512 bytes. The store does not check who it is. */
  readonly actor: string
  /** What the actor did, such as `subscriptions.pause`: 1 to 512 bytes. */
  readonly action: string
  /** The name of what the action is about, such as a subscription or a projection: 1 to 512 bytes. */
  readonly target: string
  readonly outcome: AuditOutcome
  /**
   * With the outcome `done` or `failed`: the id of the entry `started` of the same action. @default there is none: the
   * action has this entry only
   */
  readonly startId?: string | undefined
  /** Why the actor did it: up to 4,096 bytes. @default none */
  readonly reason?: string | undefined
  /** The arguments of the action, or its results: a JSON object of up to 65,536 bytes. @default none */
  readonly details?: Readonly<Record<string, unknown>> | undefined
  /** With the outcome `failed`: the error, up to 4,096 bytes. @default none */
  readonly error?: string | undefined
}

/** An entry of the audit trail. No call changes or deletes it. */
export interface AuditEntry extends NewAuditEntry {
  /** A UUID of version 7. */
  readonly id: string
  /** When the entry was recorded, by the clock of the process that recorded it. */
  readonly at: Date
}

/** The options of `audit.list`. */
export interface ListAuditOptions extends CallOptions {
  /** The largest number of entries to return. @default all */
  readonly limit?: number | undefined
  /** Only entries that are older than the one with this id (exclusive). @default all */
  readonly before?: string | undefined
}

/**
 * The audit trail of a store: a durable record of what operators did. Its entries are no events: no read of the log
 * returns them, and no subscription gets them.
 */
export interface AuditTrail {
  /**
   * Records an entry, and returns it with its id and its time. Waits for locks of other transactions for at most the
   * `timeout` of the store.
   * @throws InvalidInputError if the entry breaks a rule of `NewAuditEntry`, or has other properties
   * @throws ReadOnlyReplicaError on a replica, MissingPrivilegesError for a role that may not write
   * @throws StoreUnavailableError if the outcome is unknown: the entry may be recorded
   */
  record(entry: NewAuditEntry, options?: CallOptions): Promise<AuditEntry>

  /**
   * Lists the entries, the newest first. One process records them in the order of its calls. Entries of several
   * processes are in the order of the clocks of these processes.
   */
  list(options?: ListAuditOptions): AsyncIterable<AuditEntry>
}
