/** What an error of DynamoDB or its client means: by the names that AWS gives, never by its words. */
import { DamagedLogError, EventSourcedError, SchemaMismatchError, StorageError } from '../storage/index.ts'
import type { Item } from './attributes.ts'

/** What an operation was about, for whoever reads of it in an error. */
export interface Subject {
  /** As the beginning of a sentence: "Appending". */
  readonly doing: string
  readonly table: string
  /** The partition key concerned, or the range of them. */
  readonly key: string
}

/** Why a request failed for the last time: the `cause` of a StoreUnavailableError or StorageError. */
export class DynamodbFailure extends Error {
  readonly table: string
  readonly keyRange: string
  /** The name that AWS gives it, and what it says about it. */
  readonly reason: string
  constructor({ table, key }: Subject, cause: unknown) {
    const reason = reasonOf(cause)
    super(`${reason} (table '${table}', key '${key}')`, { cause })
    this.table = table
    this.keyRange = key
    this.reason = reason
  }
}

/** One for each item of a transaction that was cancelled. */
export interface CancellationReason {
  readonly Code?: string
  readonly Message?: string
  /** The item as it is, if a condition on it failed. */
  readonly Item?: Item
}

interface AwsError extends Error {
  readonly $fault?: string
  readonly $metadata?: { readonly httpStatusCode?: number }
  readonly CancellationReasons?: readonly CancellationReason[]
  readonly throttlingReasons?: readonly { readonly reason?: string; readonly resource?: string }[]
  readonly Item?: Item
}

const asAwsError = (error: unknown): AwsError | undefined => (error instanceof Error ? error : undefined)

const throttles = new Set([
  'ProvisionedThroughputExceededException',
  'ThrottlingException',
  'RequestLimitExceeded',
  'ProvisionedThroughputExceeded',
  'ThrottlingError',
])
const conflicts = new Set([
  'TransactionConflictException',
  'TransactionInProgressException',
  'ReplicatedWriteConflictException',
  'TransactionConflict',
  'LimitExceededException',
])

export type Trouble = 'throttle' | 'conflict' | 'retry'

/** In which way a request failed in passing, so that it may succeed if made again; undefined: it would fail again. */
export function troubleOf(error: unknown): Trouble | undefined {
  const { name = '', $fault, $metadata } = asAwsError(error) ?? {}
  const codes = reasonsOf(error)?.map(({ Code = '' }) => Code) ?? [name]
  if (codes.some((code) => throttles.has(code))) return 'throttle'
  if (codes.some((code) => conflicts.has(code))) return 'conflict'
  if (codes.includes('InternalServerError') || ($metadata?.httpStatusCode ?? 0) >= 500) return 'retry'
  // What is not the service's word is the connection's, unless it is a mistake, or somebody gave up.
  return $fault === undefined && !isOwnOrMistake(error) ? 'retry' : undefined
}

function isOwnOrMistake(error: unknown): boolean {
  return (
    error instanceof EventSourcedError ||
    error instanceof TypeError ||
    error instanceof RangeError ||
    error instanceof SyntaxError ||
    (error instanceof Error &&
      ['AbortError', 'CredentialsProviderError', 'TokenProviderError'].includes(error.name))
  )
}

/** Why a transaction was cancelled: a reason for each item, in their order. */
export function reasonsOf(error: unknown): readonly CancellationReason[] | undefined {
  const { name, CancellationReasons } = asAwsError(error) ?? {}
  return name === 'TransactionCanceledException' ? (CancellationReasons ?? []) : undefined
}

export const isConditionFailed = ({ Code }: CancellationReason): boolean => Code === 'ConditionalCheckFailed'

/** The item on which the condition of a write failed. */
export function failedCondition(error: unknown): { readonly item: Item | undefined } | undefined {
  const { name, Item } = asAwsError(error) ?? {}
  return name === 'ConditionalCheckFailedException' ? { item: Item } : undefined
}

function isTableMissing(error: unknown): boolean {
  return asAwsError(error)?.name === 'ResourceNotFoundException'
}

/** Whether DynamoDB refused a request for what was in it, and not for who made it or when. */
export function isRequestAtFault(error: unknown): boolean {
  if (!(error instanceof StorageError) || !(error.cause instanceof DynamodbFailure)) return false
  const name = asAwsError(error.cause.cause)?.name ?? ''
  return [
    'ValidationException',
    'TransactionCanceledException',
    'IdempotentParameterMismatchException',
  ].includes(name)
}

/** The error that a caller is given for a failure that would come again. */
export function refusal(subject: Subject, error: unknown): Error {
  if (error instanceof EventSourcedError) return error
  if (isTableMissing(error)) {
    return new SchemaMismatchError(
      `There is no table '${subject.table}': call \`await store.schema.create()\` first, or deploy \`store.schema.cloudFormation()\``,
    )
  }
  if (asAwsError(error)?.name === 'AbortError') return error as Error
  return new StorageError(subject.doing, new DynamodbFailure(subject, error))
}

function reasonOf(error: unknown): string {
  const { name = 'Error', message = String(error), throttlingReasons } = asAwsError(error) ?? {}
  const codes = reasonsOf(error)?.flatMap(({ Code, Message }) =>
    Code === undefined || Code === 'None' ? [] : [Message === undefined ? Code : `${Code}: ${Message}`],
  )
  const details = throttlingReasons?.map(({ reason, resource }) => `${reason} at ${resource}`) ?? codes
  return details === undefined || details.length === 0
    ? `${name}: ${message}`
    : `${name}: ${details.join('; ')}`
}

/** The error for an event that the log lists and that is not stored. */
export function damagedLog(streamId: string, version: number, position: number): DamagedLogError {
  const remedy = 'call `await store.schema.verify()`, and then `repair()`'
  return new DamagedLogError(streamId, version, position, remedy)
}
