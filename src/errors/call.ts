/** Errors of a call: its arguments are wrong, or the stored events do not allow it. */
import type { ExpectedVersion } from '../expected-version.ts'
import { EventSourcedError } from './base.ts'

/** The store refused an argument before it sent anything to the database. */
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

/** The stream is not at the version that the caller expected. Nothing was written. Read it again and decide again. */
export class WrongExpectedVersionError extends EventSourcedError {
  readonly code = 'wrong-expected-version'
  readonly streamId: string
  readonly expected: ExpectedVersion
  /** The stream's version when the store refused the append; 0 if the stream has no events or does not exist. */
  readonly actual: number
  constructor(streamId: string, expected: ExpectedVersion, actual: number) {
    super(
      `Stream '${streamId}' was expected ${describe(expected)}, but is at version ${actual}; nothing was appended`,
    )
    this.streamId = streamId
    this.expected = expected
    this.actual = actual
  }
}

function describe(expected: ExpectedVersion): string {
  if (expected === 'noStream') return 'not to exist'
  return expected === 'streamExists' ? 'to exist' : `at version ${expected}`
}

/**
 * A command was decided several times, and each time another append to its stream came first. Nothing was written.
 * Handle the command again, or give the handler more `retries`.
 */
export class CommandOvertakenError extends EventSourcedError {
  readonly code = 'command-overtaken'
  readonly streamId: string
  /** The number of decisions. */
  readonly decisions: number
  /** The stream's version when the store refused the last append. */
  readonly actual: number
  constructor(streamId: string, decisions: number, actual: number) {
    super(
      `The command on stream '${streamId}' was decided ${decisions === 1 ? 'once' : `${decisions} times`}, always overtaken by another append (the stream is at version ${actual} now); nothing was appended. Handle the command again, or give the command handler more retries`,
    )
    this.streamId = streamId
    this.decisions = decisions
    this.actual = actual
  }
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
 * An event id of the call belongs to an event that is already recorded, but the call does not repeat the append that
 * recorded it. Nothing was written.
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

/**
 * An append or a transaction, with everything that is written with it, is larger than the database accepts at once.
 * Nothing was written.
 */
export class AppendTooLargeError extends EventSourcedError {
  readonly code = 'append-too-large'
  /** Which limit of the database is exceeded. */
  readonly limit: 'bytes' | 'items'
  /** The most that the database accepts. */
  readonly most: number
  /** How much the call would write. */
  readonly found: number
  /** The largest part of it, such as "event 3 of stream 'order-1'". */
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

/**
 * An imported event is older than the last event of its stream. The import stops at its batch and records nothing of
 * it; on DynamoDB, where a large batch takes several transactions, an earlier part of it may be recorded.
 */
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

/** A handler used its transaction after the transaction had ended. The write was refused. */
export class TransactionOverError extends EventSourcedError {
  readonly code = 'transaction-over'
  constructor() {
    super('The transaction is over: await everything that you do with it before you return')
  }
}

/**
 * A handler or a raw projection ran no statement in its transaction for so long that the server ended the transaction.
 * Nothing of the transaction was written.
 */
export class TransactionIdleError extends EventSourcedError {
  readonly code = 'transaction-idle'
  /**
   * How long a transaction of the store may run no statement, in milliseconds, unless the handler changes the setting.
   */
  readonly limit: number
  constructor(limit: number, cause: unknown) {
    super(
      `The server ended the transaction because it ran no statement for too long (the limit is ${limit} ms, unless the handler sets another one): do slow work before the transaction or without one, or run a statement such as \`select 1\` in between`,
      { cause },
    )
    this.limit = limit
  }
}

/**
 * A transactional handler or an inline projection called its own store, and that call would have waited for the
 * transaction that it was made in. Nothing was done.
 */
export class NestedCallError extends EventSourcedError {
  readonly code = 'nested-call'
  constructor(caller: string) {
    super(
      `The store was called by ${caller} inside a transaction of this store, for which the call would wait for ever: use the transaction that is passed to the function, or call the store after it`,
    )
  }
}

/**
 * The condition of a write that a handler added to its transaction was not met. The whole transaction was rolled back.
 */
export class WriteConditionError extends EventSourcedError {
  readonly code = 'write-condition-failed'
  /**
   * The stored item in the database's own notation, if there is one and the write asked for it
   * (`ReturnValuesOnConditionCheckFailure: 'ALL_OLD'`); otherwise undefined.
   */
  readonly item: Readonly<Record<string, unknown>> | undefined
  constructor(item: Readonly<Record<string, unknown>> | undefined) {
    super('A condition of an item that was given to the transaction was not met; nothing was written')
    this.item = item
  }
}

/**
 * A decider's `evolve` returned `undefined`, so that the state would be lost. Usually a `return` is missing, or a case
 * for this event type. Folding fails at this event until `evolve` is repaired. If a command handler throws this error
 * for an event of its own command, that event is recorded.
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
