/** What a projection is: how events become documents, or whatever else a user keeps, for reading. */
import type { Evolved } from '../command/decider.ts'
import type { Event, RecordedEvent } from '../event.ts'
import { checkedNames, checkFunction, checkInteger, checkName, checkReadName } from '../input/checks.ts'
import { readSafely, refuse } from '../input/refusal.ts'
import type { HandlerTransaction } from './transaction.ts'

interface ProjectionName {
  /** Unique among the store's projections. An async projection's subscription has the same name. */
  readonly name: string
  /** To be raised whenever the projection's functions change: the documents are then to be rebuilt. @default 1 */
  readonly version?: number | undefined
}

/** An event of the union that has one of these types. A conditional type, so that `E` is inferred through it. */
type OfType<E extends Event, Type extends string> = E extends Event
  ? RecordedEvent<E & { readonly type: Type }>
  : never

/**
 * A projection into documents: each has a key and a state, which is folded from the events that concern it.
 * `Type`: the types listed in `events`.
 */
export interface DocumentProjectionOptions<State, E extends Event, Type extends E['type'] = E['type']>
  extends ProjectionName {
  /** Only events of these types. @default all */
  readonly events?: readonly Type[] | undefined
  /** Only events of streams whose id begins so. @default all */
  readonly streamPrefix?: string | undefined
  /** Which document the event concerns: one key, several, or none (`undefined` or an empty array). */
  key(event: RecordedEvent<E>): string | readonly string[] | undefined
  /** The state of a document before its first event. */
  initialState(key: string): State
  /**
   * The document's state after the event, or null to delete it. Must not change the state it is given, nor look at
   * anything else: the same events must give the same documents whenever they are folded.
   */
  evolve(state: State, event: OfType<E, NoInfer<Type>>, key: string): Evolved<State> | null
  readonly handle?: undefined
}

/** A projection into what the user keeps: tables of the same database, say. */
export interface RawProjectionOptions<E extends Event, Tx extends HandlerTransaction> extends ProjectionName {
  readonly events?: readonly E['type'][] | undefined
  readonly streamPrefix?: string | undefined
  /** Writes what the events mean, through `tx` and with the events (inline) or the checkpoint (async). */
  handle(events: readonly RecordedEvent<E>[], tx: Tx): Promise<void> | void
}

export interface DocumentProjection<State = unknown, E extends Event = Event>
  extends DocumentProjectionOptions<State, E> {
  readonly kind: 'documents'
  readonly version: number
}

export interface RawProjection<E extends Event = Event, Tx extends HandlerTransaction = HandlerTransaction>
  extends RawProjectionOptions<E, Tx> {
  readonly kind: 'raw'
  readonly version: number
}

// biome-ignore lint/suspicious/noExplicitAny: whatever its states and events are
export type AnyDocumentProjection = DocumentProjection<any, any>

// biome-ignore lint/suspicious/noExplicitAny: whatever its states, events and transaction are
export type Projection = DocumentProjection<any, any> | RawProjection<any, any>

/** What `projection()` returns. Only documents have a state: without `initialState`, nothing is inferred for it. */
type Defined<State, E extends Event> = [State] extends [never]
  ? RawProjection<E>
  : DocumentProjection<State, E>

/**
 * Defines a projection; it runs where it is registered: `inline` of a store, or `subscribe`. Annotate the event of `key`
 * (`handle`), for example as `RecordedEvent<OrderEvent>`: then the compiler checks `events`, and `evolve` gets only those.
 *
 * One signature, and no overloads: the compiler reports a mistake where it is, and not as "No overload matches this call".
 */
export function projection<State = never, E extends Event = Event, const Type extends E['type'] = E['type']>(
  options: DocumentProjectionOptions<State, E, Type> | RawProjectionOptions<E, HandlerTransaction>,
): Defined<State, E>
export function projection(
  // biome-ignore lint/suspicious/noExplicitAny: see the signature above
  options: DocumentProjectionOptions<any, any> | RawProjectionOptions<any, any>,
): Projection {
  return readSafely('options', options, () => {
    if (typeof options !== 'object' || options === null || Array.isArray(options)) {
      refuse('options', 'must be an object', options)
    }
    const { name, version = 1, events, streamPrefix } = options
    const own = { name, version, events: checkedEvents(events, ''), streamPrefix }
    // Named, as they may be methods of a class.
    const defined: Projection =
      options.handle !== undefined
        ? { ...options, ...own, kind: 'raw', handle: options.handle }
        : {
            ...{ ...options, ...own, kind: 'documents' },
            ...{ key: options.key, initialState: options.initialState, evolve: options.evolve },
          }
    checkDefinition(defined, '')
    return defined
  })
}

/** A projection, also one that was made of another by copying it. */
export function checkProjection(value: unknown, field: string): asserts value is Projection {
  readSafely(field, value, () => {
    const kind = (value as Partial<Projection> | null | undefined)?.kind
    if (kind !== 'documents' && kind !== 'raw') refuse(field, 'must be made by projection()', value)
    checkDefinition(value as Projection, `${field}.`)
  })
}

// What every database can keep.
const greatestVersion = 2 ** 31 - 1

/** `within`: what errors say before the names of its properties. */
function checkDefinition(definition: Projection, within: string): void {
  const { name, version, events, streamPrefix } = definition
  checkName(name, `${within}name`)
  checkInteger(version, `${within}version`, 1, greatestVersion)
  checkedEvents(events, within)
  if (streamPrefix !== undefined) checkReadName(streamPrefix, `${within}streamPrefix`)
  const needed =
    definition.kind === 'raw' ? (['handle'] as const) : (['key', 'initialState', 'evolve'] as const)
  for (const field of needed) checkFunction(definition[field as keyof Projection], `${within}${field}`)
}

/** A copy of the names, so that nobody changes what was checked. */
function checkedEvents(events: unknown, within: string): readonly string[] | undefined {
  if (events === undefined) return undefined
  return checkedNames(events, `${within}events`, 'must name at least one event type; leave it out for all')
}

/** Raw projections write what only their user knows how to empty. */
export function checkDocumentProjection(projection: Projection): asserts projection is AnyDocumentProjection {
  checkProjection(projection, 'projection')
  if (projection.kind === 'documents') return
  const problem = 'must be a projection into documents; start a raw one anew under another name'
  refuse('projection', problem, projection)
}

/** Whether the projection wants the event. */
export function concerns({ events, streamPrefix }: Projection, { type, streamId }: RecordedEvent): boolean {
  if (events !== undefined && !events.includes(type)) return false
  return streamPrefix === undefined || streamId.startsWith(streamPrefix)
}
