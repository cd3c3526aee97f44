/** `@eventsourced/core`: the contract, deciding, folding, and the store in memory. */

export type { Decider, Decision } from './decider.ts'
// Deciding
export { decider } from './decider.ts'
export type { ErrorCode, KnownError } from './errors.ts'
// Errors
export {
  DuplicateEventIdError,
  EventSourcedError,
  FolderInUseError,
  hasCode,
  ImportOutOfOrderError,
  InvalidInputError,
  MissingDriverError,
  ReadOnlyReplicaError,
  SchemaMismatchError,
  StorageError,
  StoreClosedError,
  StoreUnavailableError,
  StreamAlreadyExistsError,
  UnsupportedIsolationError,
  WrongExpectedVersionError,
} from './errors.ts'
export type { Event, Json, Metadata, Recorded, RecordedEvent } from './event.ts'
// Events
export { causedBy } from './event.ts'
// Making a store of another database
export { eventStore } from './event-store.ts'
export type { Evolution, FoldedStream, FoldStreamOptions } from './fold.ts'
// Folding
export { fold, foldStream } from './fold.ts'
export type { CommandHandler, CommandHandlerOptions, Handled, HandleOptions } from './handle.ts'
export { commandHandler } from './handle.ts'
export type { ImportedEvent, ImportOptions, ImportResult, ImportSource } from './import.ts'
export type { InputLimits } from './input.ts'
export { memoryStore } from './memory/store.ts'
export { type RecordedId, settleRepeat } from './repeat.ts'
export type {
  AppendOutcome,
  CreateOutcome,
  ImportOutcome,
  LogPage,
  LogQuery,
  PreparedAppend,
  PreparedEvent,
  PreparedImport,
  Storage,
  StreamWindow,
  Written,
} from './storage.ts'
// Storing
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
export { uuidOf, uuidv7 } from './uuid.ts'
