/** What an event is: the shape a user appends, and the shape a store gives back. */

/**
 * Facts about an event that are not part of its payload. The named ones have a meaning across tools;
 * any other JSON property is kept as it is.
 */
export interface Metadata {
  /** Groups everything that came of one request; copied from event to command to event. */
  readonly correlationId?: string
  /** The id of the command or event that directly caused this one. */
  readonly causationId?: string
  /** W3C trace context of the operation that appended the event. */
  readonly traceparent?: string
  readonly userId?: string
  readonly [key: string]: unknown
}

/** An event as the user gives it. */
export interface Event<Type extends string = string, Data = unknown> {
  readonly type: Type
  /** A JSON value; see `docs/input.md` for what is refused. */
  readonly data: Data
  /** A UUID, made by the library when absent (version 7). The key by which a repeated append is recognised. */
  readonly id?: string
  readonly metadata?: Metadata
  /** Labels such as `course:c1`, for filters and consistency boundaries. */
  readonly tags?: readonly string[]
}

/** What the store adds to an event when it records it. */
export interface Recorded {
  readonly id: string
  readonly streamId: string
  /** 1-based number of the event in its stream, without gaps. */
  readonly version: number
  /** Place in the store's one log: increasing, with gaps; only to be compared. */
  readonly position: number
  /** When the store recorded it (millisecond precision); never decreases within a stream. */
  readonly recordedAt: Date
  readonly metadata: Metadata
  readonly tags: readonly string[]
}

/** An event as the store gives it back. A union of events stays a union, told apart by `type`. */
export type RecordedEvent<E extends Event = Event> = E & Recorded

/** Metadata for whatever is caused by `event`: the same correlation, with the event as its cause. */
export function causedBy(event: RecordedEvent): Metadata {
  return { correlationId: event.metadata.correlationId ?? event.id, causationId: event.id }
}
