/** Every error that the library throws on purpose. `docs/errors.md` says for each code what to do. */
import type {
  AppendTooLargeError,
  CommandOvertakenError,
  DuplicateEventIdError,
  ImportOutOfOrderError,
  InvalidInputError,
  NestedCallError,
  StreamAlreadyExistsError,
  TransactionIdleError,
  TransactionOverError,
  UndefinedStateError,
  WriteConditionError,
  WrongExpectedVersionError,
} from './call.ts'
import type { InvalidEventError, UnreadableEventError } from './catalogue.ts'
import type { ErrorCode } from './code.ts'
import type {
  ConnectionNotOpenError,
  FolderInUseError,
  LockTimeoutError,
  MissingDriverError,
  MissingPrivilegesError,
  NotInTransactionError,
  ReadOnlyReplicaError,
  SchemaMismatchError,
  SequenceBehindError,
  StorageError,
  StoreClosedError,
  StoreUnavailableError,
  UnsupportedDatabaseError,
  UnsupportedIsolationError,
} from './database.ts'
import type { FoldInPlaceError } from './folding.ts'
import type {
  BodyAlreadyReadError,
  BodyTooLargeError,
  InvalidBodyError,
  PreconditionRequiredError,
} from './http.ts'
import type { DamagedLogError, LogNotSettledError, LogTruncatedError } from './log.ts'
import type {
  MissingInlineProjectionError,
  ProjectionVersionError,
  RebuildRunningError,
} from './projection.ts'
import type {
  HandlerTimeoutError,
  LeaseLostError,
  NotParkedError,
  SubscriptionBehindError,
  SubscriptionFailedError,
  SubscriptionMismatchError,
  UnknownSubscriptionError,
  WakeUpFailedError,
} from './subscription.ts'

export { EventSourcedError } from './base.ts'
export {
  AppendTooLargeError,
  CommandOvertakenError,
  DuplicateEventIdError,
  ImportOutOfOrderError,
  InvalidInputError,
  NestedCallError,
  StreamAlreadyExistsError,
  TransactionIdleError,
  TransactionOverError,
  UndefinedStateError,
  WriteConditionError,
  WrongExpectedVersionError,
} from './call.ts'
export type { EventIssue, UnreadableReason } from './catalogue.ts'
export { InvalidEventError, pathText, UnreadableEventError } from './catalogue.ts'
export type { ErrorCode } from './code.ts'
export {
  ConnectionNotOpenError,
  FolderInUseError,
  LockTimeoutError,
  MissingDriverError,
  MissingPrivilegesError,
  NotInTransactionError,
  ReadOnlyReplicaError,
  SchemaMismatchError,
  SequenceBehindError,
  StorageError,
  StoreClosedError,
  StoreUnavailableError,
  UnsupportedDatabaseError,
  UnsupportedIsolationError,
} from './database.ts'
export type { FoldInPlaceReason } from './folding.ts'
export { FoldInPlaceError } from './folding.ts'
export {
  BodyAlreadyReadError,
  BodyTooLargeError,
  InvalidBodyError,
  PreconditionRequiredError,
} from './http.ts'
export { DamagedLogError, LogNotSettledError, LogTruncatedError } from './log.ts'
export { MissingInlineProjectionError, ProjectionVersionError, RebuildRunningError } from './projection.ts'
export {
  HandlerTimeoutError,
  LeaseLostError,
  NotParkedError,
  SubscriptionBehindError,
  SubscriptionFailedError,
  SubscriptionMismatchError,
  UnknownSubscriptionError,
  WakeUpFailedError,
} from './subscription.ts'

/** The union of all errors, told apart by `code`. */
export type KnownError =
  | InvalidInputError
  | WrongExpectedVersionError
  | CommandOvertakenError
  | StreamAlreadyExistsError
  | DuplicateEventIdError
  | AppendTooLargeError
  | ImportOutOfOrderError
  | StoreClosedError
  | TransactionOverError
  | TransactionIdleError
  | NestedCallError
  | UndefinedStateError
  | FoldInPlaceError
  | WriteConditionError
  | StoreUnavailableError
  | LockTimeoutError
  | StorageError
  | ConnectionNotOpenError
  | SchemaMismatchError
  | NotInTransactionError
  | UnsupportedDatabaseError
  | UnsupportedIsolationError
  | ReadOnlyReplicaError
  | MissingPrivilegesError
  | SequenceBehindError
  | FolderInUseError
  | MissingDriverError
  | DamagedLogError
  | LogTruncatedError
  | LogNotSettledError
  | ProjectionVersionError
  | MissingInlineProjectionError
  | RebuildRunningError
  | LeaseLostError
  | HandlerTimeoutError
  | SubscriptionFailedError
  | SubscriptionBehindError
  | WakeUpFailedError
  | NotParkedError
  | SubscriptionMismatchError
  | UnknownSubscriptionError
  | InvalidEventError
  | UnreadableEventError
  | PreconditionRequiredError
  | BodyAlreadyReadError
  | BodyTooLargeError
  | InvalidBodyError

/** Returns true if `error` is this library's error with that code, from any installed copy of the library. */
export function hasCode<Code extends ErrorCode>(
  error: unknown,
  code: Code,
): error is Extract<KnownError, { readonly code: Code }> {
  try {
    return error instanceof Error && 'code' in error && error.code === code
  } catch {
    // Some other code's error, whose properties cannot be read.
    return false
  }
}

/**
 * Returns true if the database may answer again later: it is unreachable, a replica until it is promoted, or another transaction holds a lock. False if
 * the store's only connection cannot be opened again.
 */
export function isOutage(error: unknown): boolean {
  if (hasCode(error, 'store-unavailable')) return !hasCode(error.cause, 'connection-not-open')
  return hasCode(error, 'read-only-replica') || hasCode(error, 'lock-timeout')
}
