/** One error for each code. Texts that no client may see contain the word SECRET. */

import type { ErrorCode } from '@eventsourced/core'
import * as core from '@eventsourced/core'

const cause = new Error('SECRET: password authentication failed for user "postgres"')
const event = { type: 'SECRET', streamId: 'SECRET', version: 3, position: 7 }

export const everyError: { readonly [Code in ErrorCode]: Extract<core.KnownError, { readonly code: Code }> } =
  {
    'invalid-input': new core.InvalidInputError('events[0].data.price', 'must be finite', 'SECRET'),
    'wrong-expected-version': new core.WrongExpectedVersionError('SECRET', 7, 8),
    'command-overtaken': new core.CommandOvertakenError('SECRET', 21, 8),
    'stream-already-exists': new core.StreamAlreadyExistsError('SECRET', 8),
    'duplicate-event-id': new core.DuplicateEventIdError('0198c5f0-0000-7000-8000-000000000000', 'SECRET'),
    'append-too-large': new core.AppendTooLargeError('bytes', 100, 200, 'SECRET'),
    'undefined-state': new core.UndefinedStateError('SECRET', 'SECRET', 3),
    'fold-in-place': new core.FoldInPlaceError('state', 'SECRET', 'cannot be copied'),
    'import-out-of-order': new core.ImportOutOfOrderError('SECRET', new Date(0), new Date(1)),
    'store-closed': new core.StoreClosedError(),
    'transaction-over': new core.TransactionOverError(),
    'transaction-idle': new core.TransactionIdleError(120_000, cause),
    'nested-call': new core.NestedCallError('SECRET'),
    'write-condition-failed': new core.WriteConditionError({ pk: 'SECRET' }),
    'store-unavailable': new core.StoreUnavailableError('SECRET', 5, cause),
    'lock-timeout': new core.LockTimeoutError('SECRET', 10_000, { cause }),
    'storage-failed': new core.StorageError('SECRET', cause, 'SECRET'),
    'connection-not-open': new core.ConnectionNotOpenError('SECRET', 'ended', cause),
    'schema-mismatch': new core.SchemaMismatchError('SECRET'),
    'unsupported-database': new core.UnsupportedDatabaseError('SECRET'),
    'not-in-transaction': new core.NotInTransactionError('SECRET', cause),
    'unsupported-isolation': new core.UnsupportedIsolationError('SECRET'),
    'read-only-replica': new core.ReadOnlyReplicaError(cause),
    'missing-privileges': new core.MissingPrivilegesError('SECRET', ['SELECT on SECRET'], 'SECRET', cause),
    'sequence-behind': new core.SequenceBehindError('SECRET', 1, 2, { cause }),
    'folder-in-use': new core.FolderInUseError('SECRET', 'process SECRET', 'SECRET.lock'),
    'missing-driver': new core.MissingDriverError('SECRET', cause),
    'damaged-log': new core.DamagedLogError('SECRET', 3, 7, 'SECRET'),
    'log-truncated': new core.LogTruncatedError(7, 'SECRET'),
    'log-not-settled': new core.LogNotSettledError(7, 9),
    'projection-version': new core.ProjectionVersionError('SECRET', 1, 2, 'inline', 'inline'),
    'missing-inline-projection': new core.MissingInlineProjectionError(['SECRET']),
    'rebuild-running': new core.RebuildRunningError('stock'),
    'lease-lost': new core.LeaseLostError('SECRET', 0),
    'handler-timeout': new core.HandlerTimeoutError(60_000),
    'subscription-failed': new core.SubscriptionFailedError('SECRET', 7, cause),
    'subscription-behind': new core.SubscriptionBehindError('SECRET', 9, 7, ['SECRET/4711'], 5_000),
    'wake-up-failed': new core.WakeUpFailedError([{ subscription: 'SECRET', error: cause }], 1),
    'not-parked': new core.NotParkedError('SECRET', 7),
    'subscription-mismatch': new core.SubscriptionMismatchError('SECRET', 'SECRET'),
    'unknown-subscription': new core.UnknownSubscriptionError('mails', 'letters'),
    'invalid-event': new core.InvalidEventError([
      { path: ['events', 0, 'data', 'price'], message: 'must be a number' },
    ]),
    'unreadable-event': new core.UnreadableEventError('unknown-type', event, 2, 'SECRET', { cause }),
    'precondition-required': new core.PreconditionRequiredError(),
    'body-already-read': new core.BodyAlreadyReadError('SECRET', { cause }),
    'body-too-large': new core.BodyTooLargeError(100),
    'invalid-body': new core.InvalidBodyError([{ path: ['body', 'price'], message: 'must be a number' }]),
  }
