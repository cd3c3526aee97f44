/** Every error the library throws on purpose. Tell them apart by `code`: it survives a duplicate install. */
import type { ExpectedVersion } from './store.ts'

export type ErrorCode =
  | 'invalid-input'
  | 'wrong-expected-version'
  | 'stream-already-exists'
  | 'duplicate-event-id'
  | 'store-closed'
  | 'store-unavailable'
  | 'storage-failed'
  | 'schema-mismatch'
  | 'unsupported-isolation'
  | 'read-only-replica'
  | 'missing-privileges'
  | 'sequence-behind'
  | 'folder-in-use'
  | 'missing-driver'
  | 'import-out-of-order'
  | 'projection-version'
  | 'rebuild-running'
  | 'lease-lost'
  | 'handler-timeout'
  | 'subscription-failed'
  | 'subscription-behind'
  | 'not-parked'
  | 'append-too-large'
  | 'damaged-log'
  | 'log-cut'
  | 'undefined-state'

/** The base of all errors of this library. `cause` holds the driver's error where there is one. */
export abstract class EventSourcedError extends Error {
  abstract readonly code: ErrorCode

  override get name(): string {
    return this.constructor.name
  }
}

/** True if `error` is this library's error with that code, from whichever copy of the library. */
export function hasCode<Code extends ErrorCode>(
  error: unknown,
  code: Code,
): error is Extract<KnownError, { readonly code: Code }> {
  return error instanceof Error && 'code' in error && error.code === code
}

export type KnownError =
  | InvalidInputError
  | WrongExpectedVersionError
  | StreamAlreadyExistsError
  | DuplicateEventIdError
  | StoreClosedError
  | StoreUnavailableError
  | StorageError
  | SchemaMismatchError
  | UnsupportedIsolationError
  | ReadOnlyReplicaError
  | MissingPrivilegesError
  | SequenceBehindError
  | FolderInUseError
  | MissingDriverError
  | ImportOutOfOrderError
  | ProjectionVersionError
  | RebuildRunningError
  | LeaseLostError
  | HandlerTimeoutError
  | SubscriptionFailedError
  | SubscriptionBehindError
  | NotParkedError
  | AppendTooLargeError
  | DamagedLogError
  | LogCutError
  | UndefinedStateError

/** The call was refused before anything was sent to the database. */
export class InvalidInputError extends EventSourcedError {
  readonly code = 'invalid-input'
  /** The argument at fault, such as `events[2].data.price`. */
  readonly field: string
  /** How the refused value begins. */
  readonly received: string
  constructor(field: string, problem: string, received: string, options?: ErrorOptions) {
    super(`${field} ${problem}; received ${received}`, options)
    this.field = field
    this.received = received
  }
}

/** The stream is not at the version the caller expected; nothing was written. Load it again and decide anew. */
export class WrongExpectedVersionError extends EventSourcedError {
  readonly code = 'wrong-expected-version'
  readonly streamId: string
  readonly expected: ExpectedVersion
  /** The stream's version at that moment; 0 if it has no events or does not exist. */
  readonly actual: number
  constructor(streamId: string, expected: ExpectedVersion, actual: number) {
    super(
      `Stream '${streamId}' was expected at ${describe(expected)}, but is at version ${actual}; nothing was appended`,
    )
    this.streamId = streamId
    this.expected = expected
    this.actual = actual
  }
}

function describe(expected: ExpectedVersion): string {
  return typeof expected === 'number' ? `version ${expected}` : `'${expected}'`
}

/** `createStream` was called for a stream that exists. */
export class StreamAlreadyExistsError extends EventSourcedError {
  readonly code = 'stream-already-exists'
  readonly streamId: string
  readonly version: number
  constructor(streamId: string, version: number) {
    super(`Stream '${streamId}' already exists, at version ${version}`)
    this.streamId = streamId
    this.version = version
  }
}

/**
 * An event id of the call belongs to an event that is already recorded, but the call is not a repeat of
 * the append that recorded it. Nothing was written.
 */
export class DuplicateEventIdError extends EventSourcedError {
  readonly code = 'duplicate-event-id'
  readonly eventId: string
  /** The stream that holds the recorded event. */
  readonly streamId: string
  constructor(eventId: string, streamId: string) {
    super(
      `Event id ${eventId} is already recorded in stream '${streamId}', and this call does not repeat that append; nothing was appended`,
    )
    this.eventId = eventId
    this.streamId = streamId
  }
}

/** The store was closed before or during the call. */
export class StoreClosedError extends EventSourcedError {
  readonly code = 'store-closed'
  constructor() {
    super('The event store is closed')
  }
}

/** The database could not be reached, or kept failing in passing, for as many attempts as were allowed. */
export class StoreUnavailableError extends EventSourcedError {
  readonly code = 'store-unavailable'
  readonly attempts: number
  constructor(what: string, attempts: number, cause: unknown) {
    super(`${what} failed after ${attempts} ${attempts === 1 ? 'attempt' : 'attempts'}: ${reason(cause)}`, {
      cause,
    })
    this.attempts = attempts
  }
}

/** The database refused the operation for a reason that trying again would not change. See `cause`. */
export class StorageError extends EventSourcedError {
  readonly code = 'storage-failed'
  constructor(what: string, cause: unknown) {
    super(`${what} was refused by the database: ${reason(cause)}`, { cause })
  }
}

/** The tables are missing, newer than this library, or were changed by hand. */
export class SchemaMismatchError extends EventSourcedError {
  readonly code = 'schema-mismatch'
}

/** The surrounding transaction is not READ COMMITTED, the level at which order is guaranteed. */
export class UnsupportedIsolationError extends EventSourcedError {
  readonly code = 'unsupported-isolation'
  constructor(cause: unknown) {
    super(
      'Events can only be appended in a READ COMMITTED transaction: begin it with `begin isolation level read committed`',
      { cause },
    )
  }
}

/** The database is a read-only replica: it takes no appends, and does not know which are under way. */
export class ReadOnlyReplicaError extends EventSourcedError {
  readonly code = 'read-only-replica'
  constructor(cause?: unknown) {
    super(
      'The database is a read-only replica, which has no complete view of the log: connect to the primary',
      {
        cause,
      },
    )
  }
}

/** The role of the connection may not do what the store has to. Nothing was written. */
export class MissingPrivilegesError extends EventSourcedError {
  readonly code = 'missing-privileges'
  /** Who lacks them, as far as is known. */
  readonly role: string | undefined
  /** All of them, such as `SELECT on eventsourced.events`; empty where the database told only of the first: see `cause`. */
  readonly missing: readonly string[]
  constructor(role: string | undefined, missing: readonly string[], todo: string, cause: unknown) {
    const who = role === undefined ? 'The role of this connection' : `Role '${role}'`
    super(
      `${who} lacks ${missing.length > 0 ? missing.join(', ') : `a privilege (${reason(cause)})`}: ${todo}`,
      {
        cause,
      },
    )
    this.role = role
    this.missing = missing
  }
}

/** The sequence of positions stands below the log's end: the next appends would take positions that readers have passed. */
export class SequenceBehindError extends EventSourcedError {
  readonly code = 'sequence-behind'
  /** The last position that the sequence has given out, as it says. */
  readonly head: number
  /** The highest position of an event. */
  readonly lastPosition: number
  constructor(schema: string, head: number, lastPosition: number) {
    super(
      `The sequence ${schema}.event_positions stands at ${head}, but the log in schema '${schema}' reaches to position ${lastPosition}, as after a restore of the tables without it: let its owner run \`select setval('${schema}.event_positions', ${lastPosition})\` while nobody appends`,
    )
    this.head = head
    this.lastPosition = lastPosition
  }
}

/** Another process has the embedded database's folder open. */
export class FolderInUseError extends EventSourcedError {
  readonly code = 'folder-in-use'
  readonly folder: string
  readonly owner: string
  constructor(folder: string, owner: string, lockFile: string) {
    super(
      `The folder '${folder}' is in use by ${owner}; an embedded database admits one process at a time. If that process is surely gone, delete ${lockFile}`,
    )
    this.folder = folder
    this.owner = owner
  }
}

/** The package of the database driver is not installed. */
export class MissingDriverError extends EventSourcedError {
  readonly code = 'missing-driver'
  readonly driver: string
  constructor(driver: string, cause: unknown) {
    super(`The driver '${driver}' is not installed: run \`npm install ${driver}\``, { cause })
    this.driver = driver
  }
}

/** An imported event is older than its stream's last one. Nothing of its batch was written. */
export class ImportOutOfOrderError extends EventSourcedError {
  readonly code = 'import-out-of-order'
  readonly streamId: string
  constructor(streamId: string, recordedAt: Date, previous: Date) {
    super(
      `An imported event of stream '${streamId}' was recorded at ${recordedAt.toISOString()}, before the stream's previous one (${previous.toISOString()}). Sort the source, or pass { clampTimes: true } to record such events at the previous event's time`,
    )
    this.streamId = streamId
  }
}

/** The documents of a projection are of another version than this process's, or not complete. Nothing was written. */
export class ProjectionVersionError extends EventSourcedError {
  readonly code = 'projection-version'
  readonly projection: string
  readonly version: number
  /** The version that is read; 0: none is complete. */
  readonly registered: number
  constructor(
    projection: string,
    version: number,
    registered: number,
    mode: 'inline' | 'async',
    registeredMode: 'inline' | 'async',
  ) {
    super(versionProblem(projection, version, registered, mode, registeredMode))
    this.projection = projection
    this.version = version
    this.registered = registered
  }
}

function versionProblem(
  name: string,
  version: number,
  registered: number,
  mode: string,
  registeredMode: string,
): string {
  if (registered > version) {
    return `Projection '${name}' is at version ${registered}, and this process has version ${version}: update this process`
  }
  const todo = 'call `await store.rebuild(projection)` first'
  if (registered === 0) {
    return `Projection '${name}' was never built, and the log has events already: ${todo}`
  }
  if (registered < version) {
    return `Projection '${name}' has documents of version ${registered}, and this process has version ${version}: ${todo}`
  }
  return `Projection '${name}' is ${registeredMode}, and here it is to be ${mode}: ${todo}`
}

/** Another process rebuilds or verifies the projection now. */
export class RebuildRunningError extends EventSourcedError {
  readonly code = 'rebuild-running'
  readonly projection: string
  constructor(projection: string) {
    super(
      `Projection '${projection}' is being rebuilt or verified by another process: wait until it has ended`,
    )
    this.projection = projection
  }
}

/** The worker is not the owner any more: it was silent for longer than its lease, and what it did last was refused. */
export class LeaseLostError extends EventSourcedError {
  readonly code = 'lease-lost'
  readonly subscription: string
  readonly partition: number
  constructor(subscription: string, partition: number) {
    super(`The lease of partition ${partition} of subscription '${subscription}' is lost to another worker`)
    this.subscription = subscription
    this.partition = partition
  }
}

/** A handler took longer than its `handlerTimeout`. */
export class HandlerTimeoutError extends EventSourcedError {
  readonly code = 'handler-timeout'
  readonly milliseconds: number
  constructor(milliseconds: number) {
    super(`The handler did not finish within ${milliseconds} ms`)
    this.milliseconds = milliseconds
  }
}

/** A subscription cannot go on. The error of its handler is the `cause`. */
export class SubscriptionFailedError extends EventSourcedError {
  readonly code = 'subscription-failed'
  readonly subscription: string
  /** The position of the event at fault, if it is one's. Everything before it is handled. */
  readonly position: number | undefined
  constructor(subscription: string, position: number | undefined, cause: unknown) {
    const where = position === undefined ? '' : ` at the event at position ${position}`
    super(`Subscription '${subscription}' failed${where}: ${reason(cause)}`, { cause })
    this.subscription = subscription
    this.position = position
  }
}

/** What was waited for was not handled in time. */
export class SubscriptionBehindError extends EventSourcedError {
  readonly code = 'subscription-behind'
  readonly subscription: string
  /** What was waited for. */
  readonly position: number
  readonly checkpoint: number
  /** Who runs it; empty: nobody. */
  readonly owners: readonly string[]
  constructor(
    subscription: string,
    position: number,
    checkpoint: number,
    owners: readonly string[],
    milliseconds: number,
  ) {
    const who = owners.length === 0 ? 'no worker runs it' : `it is run by ${owners.join(', ')}`
    super(
      `Subscription '${subscription}' did not reach position ${position} within ${milliseconds} ms: it is at ${checkpoint}, ${position - checkpoint} behind, and ${who}`,
    )
    this.subscription = subscription
    this.position = position
    this.checkpoint = checkpoint
    this.owners = owners
  }
}

/** The subscription has no parked event at that position. */
export class NotParkedError extends EventSourcedError {
  readonly code = 'not-parked'
  readonly subscription: string
  readonly position: number
  constructor(subscription: string, position: number) {
    super(`Subscription '${subscription}' has no parked event at position ${position}`)
    this.subscription = subscription
    this.position = position
  }
}

/** An append or a transaction exceeds, with all that is written along with it, what the database takes at once. Nothing was written. */
export class AppendTooLargeError extends EventSourcedError {
  readonly code = 'append-too-large'
  /** What there is too much of. */
  readonly limit: 'bytes' | 'items'
  readonly most: number
  readonly found: number
  /** What takes most of it, such as "event 3 of stream 'order-1'". */
  readonly largest: string
  constructor(limit: 'bytes' | 'items', most: number, found: number, largest: string) {
    super(
      `The database takes at most ${most} ${limit} in one transaction, and this one has ${found}; most of it is ${largest}. Nothing was written: split it, or keep large contents elsewhere and their address in the event`,
    )
    this.limit = limit
    this.most = most
    this.found = found
    this.largest = largest
  }
}

/** The log lists events that are not there: the tables were restored to different times, or changed by hand. */
export class DamagedLogError extends EventSourcedError {
  readonly code = 'damaged-log'
  readonly streamId: string
  readonly version: number
  readonly position: number
  constructor(streamId: string, version: number, position: number) {
    super(
      `The log lists version ${version} of stream '${streamId}' at position ${position}, but it is not there: call \`await store.schema.verify()\`, and then \`repair()\``,
    )
    this.streamId = streamId
    this.version = version
    this.position = position
  }
}

/** Reading cannot go on after this position: the log has lost its end, or it is another log. */
export class LogCutError extends EventSourcedError {
  readonly code = 'log-cut'
  readonly after: number
  constructor(after: number, reason: string) {
    super(
      `Nothing can be read after position ${after}, where ${reason}: it is another log, or has lost its end (to a failover, or restored from a backup), so that positions may be given out twice`,
    )
    this.after = after
  }
}

/** Whether the database may well answer again: it cannot be reached, or is a replica until it is promoted. */
export function isAway(error: unknown): boolean {
  return hasCode(error, 'store-unavailable') || hasCode(error, 'read-only-replica')
}

function reason(cause: unknown): string {
  if (cause instanceof AggregateError && cause.message === '') return cause.errors.map(reason).join('; ')
  return cause instanceof Error ? cause.message || cause.name : String(cause)
}

/**
 * A decider's `evolve` returned undefined, so that the state would be lost: mostly a forgotten `return`, or an event
 * type that it does not handle. Folding fails on this event until `evolve` is mended. A command handler that throws
 * this error for an event which its own command caused has recorded that event.
 */
export class UndefinedStateError extends EventSourcedError {
  readonly code = 'undefined-state'
  readonly eventType: string
  readonly streamId: string
  /** The version of the event in its stream. */
  readonly version: number
  constructor(eventType: string, streamId: string, version: number) {
    super(
      `evolve returned undefined for event '${eventType}' (version ${version} of stream '${streamId}'); it must return the state after the event, or the state it got if the event changes nothing`,
    )
    this.eventType = eventType
    this.streamId = streamId
    this.version = version
  }
}
