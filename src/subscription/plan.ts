/** Checks the options of a subscription, fills in the defaults, and gives every kind of handler one form. */
import type { KnownEvents } from '../catalogue/known-events.ts'
import { checkRequiredEvents, requiredEventsOf, selectsWholeCatalogue } from '../catalogue/required-events.ts'
import { type TypeFilter, typeFilter } from '../catalogue/type-filter.ts'
import { InvalidInputError } from '../errors/index.ts'
import type { RecordedEvent } from '../event.ts'
import {
  checkBoolean,
  checkedDate,
  checkFunction,
  checkInteger,
  checkMilliseconds,
  checkName,
  checkOneOf,
  isDate,
} from '../input/checks.ts'
import { checkedFilter } from '../input/event-filter.ts'
import { beginning, readSafely, refuse } from '../input/refusal.ts'
import { asyncProjection } from '../projection/async.ts'
import { checkProjection } from '../projection/projection.ts'
import { fullPace } from '../storage/pace.ts'
import type { StorageTransaction } from '../storage/projections.ts'
import type { SubscriptionDefinition } from '../storage/registry.ts'
import type { Storage } from '../storage/storage.ts'
import { projectionDefinition, sortedFilter } from './definition.ts'
import type {
  AnySubscribeOptions,
  ErrorPolicy,
  HandlerContext,
  StartPosition,
  StateChange,
  SubscriptionState,
} from './subscription.ts'
import { todaysEvents } from './todays-events.ts'
import type { Turn } from './turn.ts'

// The databases store a version as a 32-bit number.
const mostVersion = 2 ** 31 - 1

/** The checked options of a subscription. */
export interface Plan {
  readonly name: string
  readonly definition: SubscriptionDefinition
  /** Selects the stored events, and reads them as the events of today that the handler wants. */
  readonly filter: TypeFilter
  /** Returns the types that stored events with these names are read as today; undefined stands for all. */
  readonly typesToday: (names: readonly string[] | undefined) => readonly string[] | undefined
  readonly from: StartPosition
  /** The subscription whose place it takes over when it is new. */
  readonly predecessor: string | undefined
  readonly batchSize: number
  readonly leaseTime: number
  readonly pollInterval: number
  readonly retries: number
  readonly backoff: number
  readonly action: 'stop' | 'park' | 'block-stream'
  readonly handlerTimeout: number | undefined
  readonly retryIf: ErrorPolicy['retryIf']
  /** Whether an event that needs a newer process is left to one. If not, it fails the subscription. */
  readonly stepsBack: boolean
  readonly onStateChange: ((state: SubscriptionState, change: StateChange) => void) | undefined
  readonly handler: Handler
}

interface Handler {
  /** The function or the projection that the user gave. Two workers of one store must have the same one. */
  readonly code: unknown
  /** Whether one call may take several events. */
  readonly takesBatches: boolean
  readonly isTransactional: boolean
  /** Must be called before the subscription is created, and before each transaction. */
  prepare(): Promise<void>
  /** Takes stored events, and calls the user's code with today's. @throws NotUpcast if it cannot read one of them */
  handle(
    stored: readonly RecordedEvent[],
    context: HandlerContext,
    transaction: StorageTransaction | undefined,
    turn: Turn,
  ): Promise<void> | void
}

/** Checks all options at once, so that `subscribe` itself throws when an option is wrong. @throws InvalidInputError */
export function planOf(environment: PlanEnvironment, options: AnySubscribeOptions): Plan {
  return readSafely('options', options, () => plan(environment, options))
}

interface PlanEnvironment {
  readonly storage: Pick<Storage, 'registerProjections' | 'pace'>
  readonly known: KnownEvents | undefined
}

function plan({ storage, known }: PlanEnvironment, options: AnySubscribeOptions): Plan {
  if (typeof options !== 'object' || options === null || Array.isArray(options)) {
    refuse('options', 'must be an object', options)
  }
  const { batchSize = 1000, leaseTime = 15_000, handlerTimeout, onStateChange } = options
  const { pollInterval = (storage.pace ?? fullPace).pollInterval } = options
  const { retries, backoff, action, retryIf } = checkedPolicy(options.onError)
  checkInteger(batchSize, 'batchSize', 1)
  checkMilliseconds(leaseTime, 'leaseTime', 1)
  checkMilliseconds(pollInterval, 'pollInterval', 1)
  if (handlerTimeout !== undefined) checkMilliseconds(handlerTimeout, 'handlerTimeout', 1)
  if (onStateChange !== undefined) checkFunction(onStateChange, 'onStateChange')
  const limits = {
    typesToday: (names: readonly string[] | undefined) =>
      known === undefined ? names : names?.flatMap((name) => known.typesToday(name)),
    batchSize,
    leaseTime,
    pollInterval,
    handlerTimeout,
    retries,
    backoff,
    action,
    retryIf,
    stepsBack: true,
    onStateChange,
  }
  if (isOfProjection(options)) {
    const { projection } = options
    checkProjection(projection, 'projection')
    checkRequiredEvents(requiredEventsOf(projection), known, 'projection')
    const { filter: wanted, prepare, handleBatch } = asyncProjection(storage, projection)
    const isWholeCatalogue = selectsWholeCatalogue(projection, projection.events)
    const filter = typeFilter(known, wanted, { field: 'projection.events', isWholeCatalogue })
    const handler: Handler = {
      code: projection,
      takesBatches: true,
      isTransactional: true,
      prepare,
      handle: (events, _context, transaction) =>
        handleBatch(todaysEvents(filter, events), transaction as StorageTransaction),
    }
    const definition = projectionDefinition(projection)
    const from = 'beginning'
    return { ...limits, name: projection.name, definition, filter, from, predecessor: undefined, handler }
  }

  const { name, version = 1, from = 'beginning', partitions = 1, transactional = false } = options
  const { types, streamPrefix, tags } = options
  checkRequiredEvents(requiredEventsOf(options), known, 'subscription')
  checkName(name, 'name')
  const start = checkedFrom(from, name)
  checkInteger(version, 'version', 1, mostVersion)
  checkInteger(partitions, 'partitions', 1, 1_000)
  checkBoolean(transactional, 'transactional')
  const wanted = checkedFilter({ types, streamPrefix, tags })
  const isWholeCatalogue = selectsWholeCatalogue(options, wanted.types)
  const filter = typeFilter(known, wanted, { isWholeCatalogue })
  const handler = handlerOf(options, filter, transactional)
  const defined = sortedFilter(isWholeCatalogue ? { ...wanted, types: undefined } : wanted)
  const definition = { kind: 'handler', version, partitions, transactional, ...defined } as const
  return { ...limits, name, definition, filter, ...start, handler }
}

type ProjectOptions = Extract<AnySubscribeOptions, { projection: unknown }>

/** A projection that is undefined counts as absent, unless the options have no name either: then it was forgotten. */
function isOfProjection(options: AnySubscribeOptions): options is ProjectOptions {
  if (!('projection' in options)) return false
  const { name } = options as { readonly name?: unknown }
  return options.projection !== undefined || name === undefined
}

function handlerOf(
  options: Exclude<AnySubscribeOptions, ProjectOptions>,
  filter: TypeFilter,
  isTransactional: boolean,
): Handler {
  const { handle, handleBatch } = options as { readonly handle?: unknown; readonly handleBatch?: unknown }
  if (handle !== undefined && handleBatch !== undefined) {
    throw new InvalidInputError('handle', 'must not be given with handleBatch', 'both')
  }
  const takesBatches = handleBatch !== undefined
  const call = takesBatches ? handleBatch : handle
  if (typeof call !== 'function') {
    throw new InvalidInputError(
      'handle',
      'must be a function (or handleBatch, or a projection)',
      beginning(call),
    )
  }
  const invoke = (argument: unknown, context: HandlerContext): Promise<void> | void =>
    call.call(options, argument as never, context)
  return {
    code: call,
    takesBatches,
    isTransactional,
    async prepare() {},
    handle(stored, context, _transaction, turn) {
      const events = todaysEvents(filter, stored)
      if (events.length === 0) return
      // A handler may empty the list that it gets.
      if (takesBatches) return invoke([...events], context)
      return events.length === 1
        ? invoke(events[0], context)
        : eachInTurn(events, (event) => invoke(event, context), turn)
    },
  }
}

/**
 * The parts of a split event are one unit: if one call fails, all are handled again. After a call that was given up, no
 * other call begins: the event may be handled again by then, and later events too.
 */
async function eachInTurn(
  events: readonly RecordedEvent[],
  invoke: (event: RecordedEvent) => Promise<void> | void,
  turn: Turn,
): Promise<void> {
  const { number } = turn
  for (const event of events) {
    if (turn.number !== number) return
    await invoke(event)
  }
}

function checkedPolicy(policy: ErrorPolicy = {}) {
  return readSafely('onError', policy, () => {
    if (typeof policy !== 'object' || policy === null || Array.isArray(policy)) {
      refuse('onError', 'must be an object', policy)
    }
    const { retries = 5, backoff = 100, action = 'stop', retryIf } = policy
    checkInteger(retries, 'onError.retries', 0)
    checkMilliseconds(backoff, 'onError.backoff', 0)
    checkOneOf(action, 'onError.action', ['stop', 'park', 'block-stream'])
    if (retryIf !== undefined) checkFunction(retryIf, 'onError.retryIf')
    return { retries, backoff, action, retryIf }
  })
}

function checkedFrom(from: unknown, name: string): Pick<Plan, 'from' | 'predecessor'> {
  return readSafely('from', from, () => {
    const { after, otherwise } = (from ?? {}) as { readonly after?: unknown; readonly otherwise?: unknown }
    if (typeof after !== 'string') {
      if (otherwise !== undefined)
        refuse('from.otherwise', 'goes with the name of a subscription in after', otherwise)
      return { from: startPositionIn(from, 'from'), predecessor: undefined }
    }
    checkName(after, 'from.after')
    if (after === name) refuse('from.after', 'must be the name of another subscription', after)
    if (otherwise === undefined) {
      refuse('from.otherwise', `must say where to begin if there is no subscription '${after}'`, otherwise)
    }
    return { from: startPositionIn(otherwise, 'from.otherwise'), predecessor: after }
  })
}

/** @throws InvalidInputError */
export function startPositionIn(from: unknown, field: string): StartPosition {
  if (isDate(from)) return checkedDate(from, field)
  const choices = "'beginning', 'end', a Date or { after: position }"
  if (typeof from === 'number') refuse(field, `must be ${choices}: write { after: ${from} }`, from)
  if (typeof from !== 'object' || from === null) {
    if (from !== 'beginning' && from !== 'end') refuse(field, `must be ${choices}`, from)
    return from
  }
  const { after } = from as { readonly after?: unknown }
  if (after === undefined) refuse(field, `must be ${choices}`, from)
  checkInteger(after, `${field}.after`, 0)
  return { after }
}
