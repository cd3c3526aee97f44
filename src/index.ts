/** `@eventsourced/core`: the contract of all stores, deciders, projections, the errors, and the store in memory. */

export type {
  AuditEntry,
  AuditOutcome,
  AuditTrail,
  ListAuditOptions,
  NewAuditEntry,
} from './audit/audit-trail.ts'
export type { CallOptions } from './call-options.ts'
export type { AsyncApiDocument, AsyncApiOptions } from './catalogue/async-api.ts'
export type { Catalogue, CatalogueOptions } from './catalogue/catalogue.ts'
export type {
  CheckableStore,
  CheckOptions,
  CheckProgress,
  CheckResult,
  FailedExample,
  StoredKind,
  UpcastName,
} from './catalogue/check-result.ts'
export { type CloudEvent, type CloudEventOptions, cloudEvent } from './catalogue/cloud-event.ts'
export { defineEvents, mergeEvents, payload } from './catalogue/define-events.ts'
export type { EventDefinitions, EventsOf, OfType } from './catalogue/definitions.ts'
export type { JsonSchema, JsonSchemaOptions } from './catalogue/json-schema.ts'
export type { StandardSchema } from './catalogue/standard-schema.ts'
export type { StoredEvent } from './catalogue/stored-event.ts'
export type { CommandResult, HandleOptions } from './command/command-call.ts'
export type { CommandHandler, CommandHandlerOptions } from './command/command-handler.ts'
export { commandHandler } from './command/command-handler.ts'
export { type Decider, type Decision, decider } from './command/decider.ts'
export type { Evolution } from './command/fold.ts'
export { fold } from './command/fold.ts'
export type { FoldedStream, FoldStreamOptions } from './command/fold-stream.ts'
export { foldStream } from './command/fold-stream.ts'
export { inPlace } from './command/in-place.ts'
export type { SnapshotOptions } from './command/snapshot-options.ts'
export type {
  ErrorCode,
  EventIssue,
  FoldInPlaceReason,
  KnownError,
  UnreadableReason,
} from './errors/index.ts'
export {
  AppendTooLargeError,
  BodyAlreadyReadError,
  BodyTooLargeError,
  CommandOvertakenError,
  ConnectionNotOpenError,
  DamagedLogError,
  DuplicateEventIdError,
  EventSourcedError,
  FolderInUseError,
  FoldInPlaceError,
  HandlerTimeoutError,
  hasCode,
  ImportOutOfOrderError,
  InvalidBodyError,
  InvalidEventError,
  InvalidInputError,
  LeaseLostError,
  LockTimeoutError,
  LogNotSettledError,
  LogTruncatedError,
  MissingDriverError,
  MissingInlineProjectionError,
  MissingPrivilegesError,
  NestedCallError,
  NotInTransactionError,
  NotParkedError,
  PreconditionRequiredError,
  ProjectionVersionError,
  ReadOnlyReplicaError,
  RebuildRunningError,
  SchemaMismatchError,
  SequenceBehindError,
  StorageError,
  StoreClosedError,
  StoreUnavailableError,
  StreamAlreadyExistsError,
  SubscriptionBehindError,
  SubscriptionFailedError,
  SubscriptionMismatchError,
  TransactionIdleError,
  TransactionOverError,
  UndefinedStateError,
  UnknownSubscriptionError,
  UnreadableEventError,
  UnsupportedDatabaseError,
  UnsupportedIsolationError,
  WakeUpFailedError,
  WriteConditionError,
  WrongExpectedVersionError,
} from './errors/index.ts'
export type { Event, Metadata, Recorded, RecordedEvent } from './event.ts'
export { causedBy } from './event.ts'
export type { ExpectedVersion } from './expected-version.ts'
export type { ImportedEvent, ImportOptions, ImportResult, ImportSource } from './imported-event.ts'
export type { EventFilter } from './input/event-filter.ts'
export type { InputLimits } from './input/limits.ts'
export type { Frontier, FrontierWriter } from './log/frontier.ts'
export { memoryStore } from './memory/store.ts'
export type {
  AppendMetric,
  CapacityMetric,
  CommandMetric,
  CommitMetric,
  HandleMetric,
  IncidentMetric,
  LagMetric,
  Metric,
  ParkMetric,
  ReadMetric,
} from './observe/metric.ts'
export type { Observer } from './observe/observer.ts'
export type {
  AppendOperation,
  BuildOperation,
  CommandOperation,
  HandleOperation,
  Operation,
  ProjectOperation,
  ReadOperation,
} from './observe/operation.ts'
export type {
  ListProjectionsOptions,
  ProjectionSummary,
  RebuildOptions,
  RebuildProgress,
  RebuildResult,
  VerifyOptions,
  VerifyResult,
} from './projection/maintenance.ts'
export type {
  DocumentProjection,
  DocumentProjectionOptions,
  Projection,
  RawProjection,
  RawProjectionOptions,
} from './projection/projection.ts'
export { projection } from './projection/projection.ts'
export type { Documents, HandlerTransaction } from './projection/transaction.ts'
export type { ListDocumentsOptions, View, ViewOptions, WatchOptions } from './projection/view.ts'
export type { DocumentChange, PrefixChange, ViewDocument, ViewSnapshot } from './projection/view-document.ts'
export type {
  Direction,
  ListStreamsOptions,
  ReadAllOptions,
  ReadStreamOptions,
  StoredEvents,
  StreamInfo,
  StreamOrder,
  StreamSlice,
} from './reads.ts'
export type {
  DeleteSnapshotsOptions,
  Snapshot,
  Snapshots,
  WriteSnapshotOptions,
} from './snapshot/snapshots.ts'
export type { StoreWarning } from './storage/warnings.ts'
export type { AppendOptions, AppendResult, CreateStreamOptions, EventStore, StreamAppend } from './store.ts'
export type { StoreOptions } from './store-options.ts'
export type {
  MoveOptions,
  SubscriptionAdministration,
  SubscriptionSummary,
} from './subscription/administration.ts'
export type {
  ErrorPolicy,
  FailedCall,
  HandlerContext,
  ListParkedOptions,
  ParkedCallOptions,
  ParkedEvent,
  ParkedEvents,
  ParkedFilter,
  ParkedProgress,
  RunOnceOptions,
  RunOnceResult,
  StartPosition,
  StateChange,
  SubscribeOptions,
  Subscription,
  SubscriptionState,
  SubscriptionStatus,
  Succession,
  WorkerStatus,
} from './subscription/subscription.ts'
export { uuidOf, uuidv7 } from './uuid.ts'
