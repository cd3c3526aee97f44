/** What a projection is: how events become documents, or whatever else a user keeps, for reading. */
import { InvalidInputError } from '../errors.ts'
import type { Event, RecordedEvent } from '../event.ts'
import { beginning, checkInteger, checkName, checkNames, checkReadName } from '../input.ts'
import type { StoreTransaction } from './transaction.ts'

interface ProjectionName {
  /** Unique among the store's projections. An async projection's subscription has the same name. */
  readonly name: string
  /** To be raised whenever the projection's functions change: the documents are then to be rebuilt. @default 1 */
  readonly version?: number | undefined
}

/** A projection into documents: each has a key and a state, which is folded from the events that concern it. */
export interface DocumentProjectionOptions<State, E extends Event> extends ProjectionName {
  /** Only events of these types. @default all */
  readonly events?: readonly E['type'][] | undefined
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
  evolve(state: State, event: RecordedEvent<E>, key: string): NoInfer<State> | null
}

/** A projection into what the user keeps: tables of the same database, say. */
export interface RawProjectionOptions<E extends Event, Tx extends StoreTransaction> extends ProjectionName {
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

export interface RawProjection<E extends Event = Event, Tx extends StoreTransaction = StoreTransaction>
  extends RawProjectionOptions<E, Tx> {
  readonly kind: 'raw'
  readonly version: number
}

// biome-ignore lint/suspicious/noExplicitAny: whatever its states and events are
export type AnyDocumentProjection = DocumentProjection<any, any>

// biome-ignore lint/suspicious/noExplicitAny: whatever its states, events and transaction are
export type Projection = DocumentProjection<any, any> | RawProjection<any, any>

/** Defines a projection; it runs where it is registered: `inline` of a store, or `subscribe`. */
export function projection<State, E extends Event>(
  options: DocumentProjectionOptions<State, E>,
): DocumentProjection<State, E>
export function projection<E extends Event, Tx extends StoreTransaction>(
  options: RawProjectionOptions<E, Tx>,
): RawProjection<E, Tx>
export function projection(
  // biome-ignore lint/suspicious/noExplicitAny: see the signatures above
  options: DocumentProjectionOptions<any, any> | RawProjectionOptions<any, any>,
): Projection {
  const { name, version = 1, events, streamPrefix } = options
  checkName(name, 'name')
  checkInteger(version, 'version', 1)
  if (events !== undefined)
    checkNames(events, 'events', 'must name at least one event type; leave it out for all')
  if (streamPrefix !== undefined) checkReadName(streamPrefix, 'streamPrefix')
  const needed = 'handle' in options ? ['handle'] : ['key', 'initialState', 'evolve']
  for (const field of needed) {
    const value: unknown = options[field as keyof typeof options]
    if (typeof value !== 'function')
      throw new InvalidInputError(field, 'must be a function', beginning(value))
  }
  const kind = 'handle' in options ? 'raw' : 'documents'
  return { ...options, kind, version } as Projection
}

/** Whether the projection wants the event. */
export function concerns({ events, streamPrefix }: Projection, { type, streamId }: RecordedEvent): boolean {
  if (events !== undefined && !events.includes(type)) return false
  return streamPrefix === undefined || streamId.startsWith(streamPrefix)
}
