/**
 * `@eventsourced/core/storage`: what you need to write a store of your own. Implement `Storage` for your database, and
 * `eventStore(storage)` turns it into a complete `EventStore`. Then run the cases of `@eventsourced/core/conformance`
 * on it. The stores of this library import the core only through this module.
 */

export type { CallOptions } from '../call-options.ts'
// Makes a store of a storage
export { eventStore } from '../engine/store-from-storage.ts'
export { reasonOf } from '../errors/base.ts'
// The errors that a storage throws
export {
  AppendTooLargeError,
  ConnectionNotOpenError,
  DamagedLogError,
  EventSourcedError,
  FolderInUseError,
  hasCode,
  InvalidInputError,
  LeaseLostError,
  LockTimeoutError,
  MissingInlineProjectionError,
  MissingPrivilegesError,
  NestedCallError,
  NotInTransactionError,
  ReadOnlyReplicaError,
  SchemaMismatchError,
  SequenceBehindError,
  StorageError,
  StoreUnavailableError,
  SubscriptionBehindError,
  TransactionIdleError,
  TransactionOverError,
  UnknownSubscriptionError,
  UnsupportedDatabaseError,
  UnsupportedIsolationError,
  WakeUpFailedError,
  WriteConditionError,
} from '../errors/index.ts'
// Events and the contract
export type { Event, Metadata, RecordedEvent } from '../event.ts'
export { type ExpectedVersion, isExpected } from '../expected-version.ts'
// Checking the options of a store
export {
  checkBoolean,
  checkFunction,
  checkInteger,
  checkMilliseconds,
  checkReadName,
  checkText,
} from '../input/checks.ts'
export type { InputLimits } from '../input/limits.ts'
export { optionsOf } from '../input/options.ts'
export { beginning, readSafely, refuse } from '../input/refusal.ts'
export type { Frontier, FrontierWriter } from '../log/frontier.ts'
// Measuring a storage
export { type CommitTimer, commitTimer } from '../observe/commits.ts'
export type { CapacityMetric, IncidentMetric, Metric } from '../observe/metric.ts'
export { observationOf } from '../observe/observation.ts'
// Documents and inline projections
export { collectionGeneration, handlerDocuments } from '../projection/handler-documents.ts'
export { InlineProjections, type NamedProjection } from '../projection/inline.ts'
export type { ProjectionTarget } from '../projection/project.ts'
export { isSameJson } from '../projection/same-json.ts'
export type { HandlerTransaction } from '../projection/transaction.ts'
export type { StreamInfo, StreamSlice } from '../reads.ts'
// Waiting
export { abortable, linkedController, sleep } from '../runtime/abort.ts'
export { lockPause, pause } from '../runtime/retry.ts'
export { Semaphore } from '../runtime/semaphore.ts'
export type { Snapshot } from '../snapshot/snapshots.ts'
export type { EventStore } from '../store.ts'
export type { StoreOptions } from '../store-options.ts'
export type { SubscribeOptions } from '../subscription/subscription.ts'
export { timeOfUuid, uuidv7 } from '../uuid.ts'
// Techniques that stores share
export { type CallerOf, callersOf, presentCaller } from './caller.ts'
export { documentSnapshots } from './document-snapshots.ts'
export { driverError } from './driver.ts'
export { eventAt } from './event-at.ts'
export {
  type Busy,
  type Failed,
  GroupCommit,
  type GroupCommitOptions,
  type GroupOutcome,
} from './group-commit.ts'
export { GroupRead, type GroupReadOptions } from './group-read.ts'
export { InlineFailure } from './inline-failure.ts'
// The contract of a storage
export { type LogPage, type LogQuery, type Partition, wholeLog } from './log-query.ts'
export { compareNames } from './names.ts'
export type { Pace, Rate } from './pace.ts'
export { isInPartition, partitionOf } from './partition.ts'
export type {
  Comparison,
  DocumentAddress,
  DocumentChange,
  DocumentDifference,
  ListedProjection,
  LockedDocuments,
  ProjectionMode,
  ProjectionStorage,
  ProjectionToRegister,
  RegisteredProjection,
  StorageTransaction,
  StoredDocument,
} from './projections.ts'
export { appendedEvents, recordedEvent } from './recorded-event.ts'
export {
  buildPrefix,
  type RegisteredSubscription,
  repartition,
  type SkipLayer,
  type SubscriptionChange,
  type SubscriptionDefinition,
  type SubscriptionKind,
  type SubscriptionRegistry,
} from './registry.ts'
export { type RecordedId, settleRepeat } from './repeat.ts'
export type { SnapshotStorage, SnapshotToWrite } from './snapshots.ts'
export type {
  AppendOutcome,
  AppendSuccess,
  CreateOutcome,
  ImportOutcome,
  Notifications,
  PreparedAppend,
  PreparedEvent,
  PreparedImport,
  Storage,
  StreamWindow,
} from './storage.ts'
export type {
  CheckpointMove,
  EventToPark,
  KeptLeases,
  Lease,
  MoveOutcome,
  ParkedRecord,
  ParkedState,
  ParkedStream,
  PartitionCheckpoint,
  SubscriptionProgress,
  SubscriptionStorage,
  WorkerBeat,
} from './subscriptions.ts'
export { emitWarning, type StoreWarning } from './warnings.ts'
