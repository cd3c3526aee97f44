/** Events: the shape that a caller appends, and the shape that a store returns. */

/**
 * Facts about an event that are not part of its payload. The properties below have the same meaning in other tools. The
 * store keeps any other JSON property unchanged. A property that is undefined counts as absent.
 */
export interface Metadata {
  /** Identifies the request that everything with this id belongs to. Copied from event to command to event. */
  readonly correlationId?: string | undefined
  /** The id of the command or event that directly caused this one. */
  readonly causationId?: string | undefined
  /** W3C trace context of the operation that appended the event. */
  readonly traceparent?: string | undefined
  /** The user on whose behalf the event was appended. */
  readonly userId?: string | undefined
  readonly [key: string]: unknown
}

/** An event as a caller appends it. */
export interface Event<Type extends string = string, Data = unknown> {
  readonly type: Type
  /** A JSON value. `docs/input.md` lists the values that the store refuses. */
  readonly data: Data
  /** A UUID. The store recognises a repeated append by the ids of its events. @default a new UUID of version 7 */
  readonly id?: string | undefined
  /** @default {} */
  readonly metadata?: Metadata | undefined
  /** Labels such as `course:c1`. Reads and subscriptions filter by them. @default none */
  readonly tags?: readonly string[] | undefined
}

/** The properties that the store sets when it records an event. */
export interface Recorded {
  readonly id: string
  readonly streamId: string
  /** The number of the event in its stream: 1, 2, 3 …, without gaps. */
  readonly version: number
  /** The place of the event in the log of all streams. Positions increase with gaps, so only compare them. */
  readonly position: number
  /** When the store recorded the event, to the millisecond. Never decreases within a stream. */
  readonly recordedAt: Date
  readonly metadata: Metadata
  readonly tags: readonly string[]
}

/** An event as the store returns it. A union of event types stays a union, discriminated by `type`. */
export type RecordedEvent<E extends Event = Event> = E & Recorded

/**
 * Returns the metadata for a command or event that `event` caused: the same `correlationId` (or the event's id if it
 * has none), and the event's id as `causationId`.
 */
export function causedBy(event: RecordedEvent): Metadata {
  return { correlationId: event.metadata.correlationId ?? event.id, causationId: event.id }
}
