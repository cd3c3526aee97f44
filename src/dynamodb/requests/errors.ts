/**
 * Decides what an error of DynamoDB or its client means: by its AWS error name or code, never by its message.
 */
import { DamagedLogError, EventSourcedError, SchemaMismatchError, StorageError } from '../../storage/index.ts'
import type { Item } from './attributes.ts'

/** The subject of an operation, for error messages. */
export interface Subject {
  /** The beginning of a sentence, as "Appending". */
  readonly doing: string
  readonly table: string
  /** The partition key concerned, or a description of several. */
  readonly key: string
}

/**
 * Describes the last failed attempt of a request: the `cause` of a `StoreUnavailableError` or `StorageError`.
 */
export class DynamodbFailure extends Error {
  readonly table: string
  /** The partition key concerned, or a description of several. */
  readonly keyRange: string
  /** The error name and the message of AWS; for throttling, also the throttled resource. */
  readonly reason: string
  constructor({ table, key }: Subject, cause: unknown) {
    const reason = reasonOf(cause)
    super(`${reason} (table '${table}', key '${key}')`, { cause })
    this.table = table
    this.keyRange = key
    this.reason = reason
  }
}

/** The reason for one item of a cancelled transaction. */
export interface CancellationReason {
  readonly Code?: string
  readonly Message?: string
  /** The stored item, if a condition on it failed. */
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

const throttleNames = new Set([
  'ProvisionedThroughputExceededException',
  'ThrottlingException',
  'RequestLimitExceeded',
  'ProvisionedThroughputExceeded',
  'ThrottlingError',
])
const conflictNames = new Set([
  'TransactionConflictException',
  'TransactionInProgressException',
  'ReplicatedWriteConflictException',
  'TransactionConflict',
  'LimitExceededException',
])

// DynamoDB refuses the time of a signature, or a token: a retry is signed with the time of the service, which its answer
// contains, and with the credentials that the provider has then.
const expiredNames = new Set([
  'ExpiredToken',
  'ExpiredTokenException',
  'RequestExpired',
  'RequestInTheFuture',
  'RequestTimeTooSkewed',
  'TokenRefreshRequired',
])
// The SDK found no credentials, and has sent no request.
const noCredentialsNames = new Set(['CredentialsProviderError', 'TokenProviderError'])
const credentialsRemedy =
  'The AWS SDK found no credentials, so it sent no request: set them in the environment (AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY), or pass `credentials` or a `client`'
// A wrong time has the same names as a wrong secret.
const signatureNames = new Set(['AuthFailure', 'InvalidSignatureException', 'SignatureDoesNotMatch'])

/** How a request failed with a transient error. */
export type TransientKind = 'throttle' | 'conflict' | 'retry' | 'credentials'

/** How a request failed, if the error is transient; undefined if a retry would fail again. */
export function transientKindOf(error: unknown): TransientKind | undefined {
  const { name = '', $fault, $metadata } = asAwsError(error) ?? {}
  const codes = reasonsOf(error)?.map(({ Code = '' }) => Code) ?? [name]
  if (codes.some((code) => throttleNames.has(code))) return 'throttle'
  if (codes.some((code) => conflictNames.has(code))) return 'conflict'
  if (expiredNames.has(name) || signatureNames.has(name)) return 'credentials'
  if (codes.includes('InternalServerError') || ($metadata?.httpStatusCode ?? 0) >= 500) return 'retry'
  // An error without `$fault` does not come from the service. Then the connection failed, and a retry may
  // help.
  return $fault === undefined && !isPermanent(error) ? 'retry' : undefined
}

/**
 * Whether an error of this process would occur again: a mistake in the code, missing credentials, or an
 * abort.
 */
function isPermanent(error: unknown): boolean {
  return (
    error instanceof EventSourcedError ||
    error instanceof TypeError ||
    error instanceof RangeError ||
    error instanceof SyntaxError ||
    (error instanceof Error && (error.name === 'AbortError' || noCredentialsNames.has(error.name)))
  )
}

/** The reasons of a cancelled transaction, in the order of its items; undefined for another error. */
export function reasonsOf(error: unknown): readonly CancellationReason[] | undefined {
  const { name, CancellationReasons } = asAwsError(error) ?? {}
  return name === 'TransactionCanceledException' ? (CancellationReasons ?? []) : undefined
}

export const isConditionFailed = ({ Code }: CancellationReason): boolean => Code === 'ConditionalCheckFailed'

/** The stored item for which the condition of a write failed; undefined if the error is another one. */
export function failedCondition(error: unknown): { readonly item: Item | undefined } | undefined {
  const { name, Item } = asAwsError(error) ?? {}
  return name === 'ConditionalCheckFailedException' ? { item: Item } : undefined
}

function isTableMissing(error: unknown): boolean {
  return asAwsError(error)?.name === 'ResourceNotFoundException'
}

/** Whether DynamoDB refused a request because of its content, and not because of its sender or its time. */
export function isRequestAtFault(error: unknown): boolean {
  if (!(error instanceof StorageError) || !(error.cause instanceof DynamodbFailure)) return false
  const name = asAwsError(error.cause.cause)?.name ?? ''
  return [
    'ValidationException',
    'TransactionCanceledException',
    'IdempotentParameterMismatchException',
  ].includes(name)
}

/**
 * Whether DynamoDB refused a signature that a new time or token may make valid, but not a wrong secret. So a later call
 * may succeed, though retries did not.
 */
export function isExpired(error: unknown): boolean {
  return expiredNames.has(asAwsError(error)?.name ?? '')
}

/** The error to throw for a failure that is not transient. `input`: of the request that failed. */
export function refusal(subject: Subject, error: unknown, input: object): Error {
  if (error instanceof EventSourcedError) return error
  if (isTableMissing(error)) return missingTable(subject, input)
  const { name = '' } = asAwsError(error) ?? {}
  if (name === 'AbortError') return error as Error
  const remedy = noCredentialsNames.has(name) ? credentialsRemedy : undefined
  return new StorageError(subject.doing, new DynamodbFailure(subject, error), remedy)
}

/** DynamoDB does not say which table of a transaction is missing. It may be one of the caller's, see `tx.write`. */
function missingTable({ table }: Subject, input: object): SchemaMismatchError {
  const tables = tablesIn(input)
  const [missing, others] =
    tables.length > 1
      ? [
          `One of these tables is missing: ${tables.map((name) => `'${name}'`).join(', ')}`,
          '. Create your own tables; for those of the store,',
        ]
      : [`There is no table '${table}'`, ':']
  return new SchemaMismatchError(
    `${missing}${others} call \`await store.schema.create()\` first, or deploy the tables with a template of '@eventsourced/core/dynamodb/templates'`,
  )
}

/** The tables of a transaction; none for another request. */
function tablesIn(input: object): readonly string[] {
  const { TransactItems = [] } = input as { TransactItems?: readonly Record<string, { TableName: string }>[] }
  return [...new Set(TransactItems.flatMap((item) => Object.values(item).map(({ TableName }) => TableName)))]
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

/** The error for an event that the log lists, but that is not stored. */
export function damagedLog(streamId: string, version: number, position: number | undefined): DamagedLogError {
  const remedy = 'call `await store.schema.verify()`, and then `repair()`'
  return new DamagedLogError(streamId, version, position, remedy)
}
