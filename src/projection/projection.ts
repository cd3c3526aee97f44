/** Projections: how events become documents to read, or rows and items of the user's own. */
import type { EventDefinitions } from '../catalogue/definitions.ts'
import { isCatalogue, typesOf } from '../catalogue/known-events.ts'
import { requiring } from '../catalogue/required-events.ts'
import type { Evolved } from '../command/decider.ts'
import type { Event, RecordedEvent } from '../event.ts'
import { checkedNames, checkFunction, checkInteger, checkName, checkReadName } from '../input/checks.ts'
import { readSafely, refuse } from '../input/refusal.ts'
import type { HandlerTransaction } from './transaction.ts'

interface ProjectionName {
  /** Unique among the store's projections. An async projection's subscription has the same name. */
  readonly name: string
  /**
   * The version of the projection's functions. Increase it when a function changes, then call `store.rebuild`. Until
   * the rebuild has ended, the store refuses processes with the new version (`ProjectionVersionError`), so documents of
   * two versions never mix. At most 2,147,483,647. @default 1
   */
  readonly version?: number | undefined
}

/** The members of the union `E` with one of these types. Conditional, so that the compiler infers `E` through it. */
type OfType<E extends Event, Type extends string> = E extends Event
  ? RecordedEvent<E & { readonly type: Type }>
  : never

interface DocumentFunctions<State, E extends Event, Type extends E['type']> extends ProjectionName {
  /** Selects events of streams whose id begins with this text. @default all */
  readonly streamPrefix?: string | undefined
  /** Returns the keys of the documents that the event changes: one, several, or none (`undefined` or an empty list). */
  key(event: RecordedEvent<E>): string | readonly string[] | undefined
  /** Returns the state of a document before its first event. */
  initialState(key: string): State
  /**
   * Returns the state of the document after the event, a JSON value; null deletes the document. Must be a pure
   * function: it does not modify `state` (unless it is made by `inPlace`), and uses only its arguments. An impure
   * function gives other documents in a rebuild.
   */
  evolve(state: State, event: OfType<E, NoInfer<Type>>, key: string): Evolved<State> | null
  readonly handle?: undefined
}

/**
 * The options of a projection into documents. A document has a key, and a state that is folded from the events with
 * that key. `Type`: the event types that `events` lists.
 */
export interface DocumentProjectionOptions<State, E extends Event, Type extends E['type'] = E['type']>
  extends DocumentFunctions<State, E, Type> {
  /** Selects events of these types, or the events of a catalogue, as a decider that a catalogue has made names them. @default all */
  readonly events?: readonly Type[] | EventDefinitions | undefined
}

interface RawFunction<E extends Event, Tx extends HandlerTransaction> extends ProjectionName {
  /** Selects events of streams whose id begins with this text. @default all */
  readonly streamPrefix?: string | undefined
  /**
   * Called with the selected events, in order. What it writes through `tx` commits together with the events (inline) or
   * with the checkpoint (async). If it throws, nothing of that transaction is committed. Inline, each call has the
   * events of one append, and runs in the async context (AsyncLocalStorage) of its caller.
   */
  handle(events: readonly RecordedEvent<E>[], tx: Tx): Promise<void> | void
}

/** The options of a raw projection, which writes what it likes through a transaction, such as rows of your tables. */
export interface RawProjectionOptions<E extends Event, Tx extends HandlerTransaction>
  extends RawFunction<E, Tx> {
  /** Selects events of these types, or the events of a catalogue. @default all */
  readonly events?: readonly E['type'][] | EventDefinitions | undefined
}

/** A projection into documents, as `projection` returns it. */
export interface DocumentProjection<State = unknown, E extends Event = Event>
  extends DocumentFunctions<State, E, E['type']> {
  readonly kind: 'documents'
  readonly version: number
  /** The types of the selected events; undefined: all. */
  readonly events?: readonly E['type'][] | undefined
}

/** A raw projection, as `projection` returns it. */
export interface RawProjection<E extends Event = Event, Tx extends HandlerTransaction = HandlerTransaction>
  extends RawFunction<E, Tx> {
  readonly kind: 'raw'
  readonly version: number
  /** The types of the selected events; undefined: all. */
  readonly events?: readonly E['type'][] | undefined
}

/** A projection into documents of any state. */
// biome-ignore lint/suspicious/noExplicitAny: the states and events may have any type
export type AnyDocumentProjection = DocumentProjection<any, any>

/** Any projection. */
// biome-ignore lint/suspicious/noExplicitAny: the states, events and transactions may have any type
export type Projection = DocumentProjection<any, any> | RawProjection<any, any>

/** The return type of `projection`. Without `initialState`, `State` is inferred as never, and the projection is raw. */
type Defined<State, E extends Event> = [State] extends [never]
  ? RawProjection<E>
  : DocumentProjection<State, E>

/**
 * Defines a projection. Returns a checked copy of the options. The projection runs where you register it: name it in
 * the store's `inline` option, or pass it to `subscribe`.
 *
 * Annotate the event of `key` (of `handle` for a raw projection), for example as `RecordedEvent<OrderEvent>`. The
 * compiler then checks the names in `events`, and types the event of `evolve` as one of the listed events.
 *
 * @throws InvalidInputError if an option breaks its rule
 */
// One signature and no overloads, so that the compiler reports a mistake where it is, not as "No overload matches".

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
    if (options.handle !== undefined && 'key' in options && options.key !== undefined)
      refuse('handle', 'must not be given with key: a projection has documents, or a handle', options.handle)
    const definitions = isCatalogue(events) ? events : undefined
    const types = definitions === undefined ? events : typesOf(definitions)
    const checked = {
      ...{ name, version, events: checkedEvents(types, ''), streamPrefix },
      ...requiring(definitions),
    }
    // The functions are copied by name, because a spread does not copy methods of a class.
    const defined: Projection =
      options.handle !== undefined
        ? { ...options, ...checked, kind: 'raw', handle: options.handle }
        : {
            ...{ ...options, ...checked, kind: 'documents' },
            ...{ key: options.key, initialState: options.initialState, evolve: options.evolve },
          }
    checkDefinition(defined, '')
    return defined
  })
}

/** Accepts what `projection` returned, and also a copy of it with other options. */
export function checkProjection(value: unknown, field: string): asserts value is Projection {
  readSafely(field, value, () => {
    const kind = (value as Partial<Projection> | null | undefined)?.kind
    if (kind !== 'documents' && kind !== 'raw') refuse(field, 'must be made by projection()', value)
    checkDefinition(value as Projection, `${field}.`)
  })
}

// The largest value of a 4-byte integer, which every database can store.
const greatestVersion = 2 ** 31 - 1

/** `within`: a prefix for the names of properties in errors. */
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

/** Returns a copy, so that a later change of the caller's array has no effect. */
function checkedEvents(events: unknown, within: string): readonly string[] | undefined {
  if (events === undefined) return undefined
  return checkedNames(events, `${within}events`, 'must name at least one event type; leave it out for all')
}

/** Refuses raw projections: only the user knows how to empty what they have written. */
export function checkDocumentProjection(projection: Projection): asserts projection is AnyDocumentProjection {
  checkProjection(projection, 'projection')
  if (projection.kind === 'documents') return
  const problem = 'must be a projection into documents; run a raw one again under another name'
  refuse('projection', problem, projection)
}

/** Whether the projection's `events` and `streamPrefix` select the event. */
export function selects({ events, streamPrefix }: Projection, { type, streamId }: RecordedEvent): boolean {
  if (events !== undefined && !events.includes(type)) return false
  return streamPrefix === undefined || streamId.startsWith(streamPrefix)
}
