/** What a subscription is to do: its options, checked, with their defaults, and its handler in one form. */
import { InvalidInputError } from '../errors.ts'
import type { Event, RecordedEvent } from '../event.ts'
import {
  beginning,
  checkDate,
  checkInteger,
  checkMilliseconds,
  checkName,
  checkNames,
  checkOneOf,
  checkReadName,
} from '../input.ts'
import { asyncProjection } from '../projection/async.ts'
import type { ProjectionStorage, StorageTransaction } from '../projection/storage.ts'
import type { StoreTransaction } from '../projection/transaction.ts'
import type {
  EventFilter,
  HandlerContext,
  StartPosition,
  SubscribeOptions,
  SubscriptionState,
} from './subscription.ts'

export interface Plan {
  readonly name: string
  readonly filter: EventFilter
  readonly from: StartPosition
  readonly partitions: number
  readonly batchSize: number
  readonly leaseTime: number
  readonly pollInterval: number
  readonly retries: number
  readonly backoff: number
  readonly action: 'stop' | 'park' | 'block-stream'
  readonly handlerTimeout: number | undefined
  readonly onStateChange: ((state: SubscriptionState, error?: unknown) => void) | undefined
  readonly handler: Handler
}

interface Handler {
  /** Whether a call takes several events. */
  readonly takesBatches: boolean
  readonly isTransactional: boolean
  /** To be called before the first event, and before each transaction. */
  prepare(): Promise<void>
  handle(
    events: readonly RecordedEvent[],
    context: HandlerContext,
    transaction: StorageTransaction | undefined,
  ): Promise<void> | void
}

/** Checks everything at once, so that a mistake shows where it was made. */
export function planOf<E extends Event, Tx extends StoreTransaction>(
  storage: Pick<ProjectionStorage, 'registerProjections'>,
  options: SubscribeOptions<E, Tx>,
): Plan {
  if (typeof options !== 'object' || options === null) {
    throw new InvalidInputError('options', 'must be an object', beginning(options))
  }
  const { batchSize = 1000, leaseTime = 15_000, pollInterval = 250, handlerTimeout, onStateChange } = options
  const { onError = {} } = options
  if (typeof onError !== 'object' || onError === null) {
    throw new InvalidInputError('onError', 'must be an object', beginning(onError))
  }
  const { retries = 5, backoff = 100, action = 'stop' } = onError
  checkInteger(batchSize, 'batchSize', 1)
  checkMilliseconds(leaseTime, 'leaseTime', 1)
  checkMilliseconds(pollInterval, 'pollInterval', 1)
  if (handlerTimeout !== undefined) checkMilliseconds(handlerTimeout, 'handlerTimeout', 1)
  checkInteger(retries, 'onError.retries', 0)
  checkMilliseconds(backoff, 'onError.backoff', 0)
  if (onStateChange !== undefined && typeof onStateChange !== 'function') {
    throw new InvalidInputError('onStateChange', 'must be a function', beginning(onStateChange))
  }
  checkOneOf(action, 'onError.action', ['stop', 'park', 'block-stream'])
  const limits = {
    batchSize,
    leaseTime,
    pollInterval,
    handlerTimeout,
    retries,
    backoff,
    action,
    onStateChange,
  }
  if ('projection' in options) {
    const { projection } = options
    if (projection?.kind !== 'documents' && projection?.kind !== 'raw') {
      throw new InvalidInputError('projection', 'must be made by projection()', beginning(projection))
    }
    const { filter, prepare, handleBatch } = asyncProjection(storage, projection)
    const handler: Handler = {
      takesBatches: true,
      isTransactional: true,
      prepare,
      handle: (events, _context, transaction) => handleBatch(events, transaction as StorageTransaction),
    }
    return { ...limits, name: projection.name, filter, from: 'beginning', partitions: 1, handler }
  }

  const { name, from = 'beginning', partitions = 1, transactional = false } = options
  const { types, streamPrefix, tags } = options
  checkName(name, 'name')
  checkFrom(from)
  checkInteger(partitions, 'partitions', 1)
  if (partitions > 1_000)
    throw new InvalidInputError('partitions', 'must not be more than 1000', String(partitions))
  if (typeof transactional !== 'boolean') {
    throw new InvalidInputError('transactional', 'must be true or false', beginning(transactional))
  }
  if (types !== undefined)
    checkNames(types, 'types', 'must name at least one event type; leave it out for all')
  if (streamPrefix !== undefined) checkReadName(streamPrefix, 'streamPrefix')
  if (tags !== undefined) checkNames(tags, 'tags', 'must name at least one tag; leave it out for all')
  const handler = handlerOf(options, transactional)
  // The caller's arrays and Date may change later.
  const filter = { types: types && [...types], streamPrefix, tags: tags && [...tags] }
  const start = from instanceof Date ? new Date(from) : from
  return { ...limits, name, filter, from: start, partitions, handler }
}

function handlerOf<E extends Event, Tx extends StoreTransaction>(
  options: Exclude<SubscribeOptions<E, Tx>, { projection: unknown }>,
  isTransactional: boolean,
): Handler {
  if ('handle' in options && 'handleBatch' in options) {
    throw new InvalidInputError('handle', 'must not be given with handleBatch', 'both')
  }
  const call = 'handleBatch' in options ? options.handleBatch : options.handle
  if (typeof call !== 'function') {
    throw new InvalidInputError(
      'handle',
      'must be a function (or handleBatch, or a projection)',
      beginning(call),
    )
  }
  const takesBatches = 'handleBatch' in options
  return {
    takesBatches,
    isTransactional,
    async prepare() {},
    handle: (events, context) =>
      call.call(options, (takesBatches ? events : events[0]) as never, context as HandlerContext<Tx>),
  }
}

function checkFrom(from: StartPosition): void {
  if (from instanceof Date) checkDate(from, 'from')
  else if (typeof from === 'number') checkInteger(from, 'from', 0)
  else checkOneOf(from, 'from', ['beginning', 'end'])
}
