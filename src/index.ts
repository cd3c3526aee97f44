/** `@eventsourced/core`: the contract, deciding, folding, and the store in memory. */

export { type Decider, type Decision, decider } from './decider.ts'
export type { ErrorCode, KnownError } from './errors.ts'
export {
  DuplicateEventIdError,
  EventSourcedError,
  FolderInUseError,
  HandlerTimeoutError,
  hasCode,
  ImportOutOfOrderError,
  InvalidInputError,
  LeaseLostError,
  LogCutError,
  MissingDriverError,
  MissingPrivilegesError,
  NotParkedError,
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
  UndefinedStateError,
  UnsupportedIsolationError,
  WrongExpectedVersionError,
} from './errors.ts'
export type { Event, Json, Metadata, Recorded, RecordedEvent } from './event.ts'
export { causedBy } from './event.ts'
export { eventStore } from './event-store.ts'
export type { Evolution, FoldedStream, FoldStreamOptions } from './fold.ts'
export { fold, foldStream } from './fold.ts'
export type { CommandHandler, CommandHandlerOptions, Handled, HandleOptions } from './handle.ts'
export { commandHandler } from './handle.ts'
export type { ImportedEvent, ImportOptions, ImportResult, ImportSource } from './import.ts'
export type { InputLimits } from './input.ts'
export { memoryStore } from './memory/store.ts'
export type { Projecting, StoreOptions } from './projecting.ts'
export type { DocumentProjection, Projection, RawProjection } from './projection/projection.ts'
export { projection } from './projection/projection.ts'
export type { RebuildOptions, RebuildProgress, RebuildResult } from './projection/rebuild.ts'
export type { Documents, StoreTransaction } from './projection/transaction.ts'
export type { VerifyOptions, VerifyResult } from './projection/verify.ts'
export type { Document, ListDocumentsOptions, View, ViewOptions } from './projection/view.ts'
export type {
  AppendOptions,
  AppendResult,
  CallOptions,
  CreateStreamOptions,
  Direction,
  EventStore,
  ExpectedVersion,
  ListStreamsOptions,
  ReadAllOptions,
  ReadStreamOptions,
  StreamAppend,
  StreamInfo,
  StreamSlice,
} from './store.ts'
export type {
  ErrorPolicy,
  HandlerContext,
  ParkedEvent,
  ParkedEvents,
  RunOnceOptions,
  RunOnceResult,
  SubscribeOptions,
  Subscription,
  SubscriptionState,
  SubscriptionStatus,
} from './subscription/subscription.ts'
export { uuidOf, uuidv7 } from './uuid.ts'
export type { StoreWarning } from './warnings.ts'
