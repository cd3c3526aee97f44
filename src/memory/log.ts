/**
 * The streams and the log in memory, in plain arrays and maps. JavaScript runs one function at a time, so statements
 * without an `await` between them are a transaction.
 *
 * The log keeps payloads as JSON text and parses them for each reader. A reader thus gets its own copy, and cannot
 * change a recorded event.
 */
import {
  type AppendOutcome,
  type AppendSuccess,
  type CreateOutcome,
  compareNames,
  type ImportOutcome,
  isExpected,
  isInPartition,
  type LogPage,
  type LogQuery,
  type PreparedAppend,
  type PreparedEvent,
  type PreparedImport,
  type RecordedEvent,
  type RecordedId,
  type StreamInfo,
  type StreamSlice,
  type StreamWindow,
  settleRepeat,
} from '../storage/index.ts'

/** An event as the log keeps it: data and metadata as JSON text, with its stream, version, position and time. */
export interface StoredEvent extends PreparedEvent, RecordedId {}

// A page of the log ends after so many positions, whether their events match the query or not.
const maxPositionsPerPage = 50_000
// About how many bytes an event takes without its data and metadata.
const bytesOfFacts = 200

interface Stream {
  readonly createdAt: Date
  readonly metadata: string
  /** The event of version n is at index n - 1. */
  readonly events: StoredEvent[]
}

export class MemoryLog {
  readonly #streams = new Map<string, Stream>()
  /** All events by their id. The log finds a repeated append here. */
  readonly #recorded = new Map<string, StoredEvent>()
  /** The event at position p is at index p - 1: in memory, positions have no gaps. */
  readonly #log: StoredEvent[] = []

  async createStream(streamId: string, metadata: string): Promise<CreateOutcome> {
    const existing = this.#streams.get(streamId)
    if (existing !== undefined) return { kind: 'exists', version: existing.events.length }
    const stream = this.#openStream(streamId, metadata)
    return { kind: 'created', stream: describe(streamId, stream) }
  }

  /**
   * Returns the outcomes of appends that cannot be made, or `undefined` if all of them can be made. Appends of events
   * that are already recorded are a repeat (their first outcome counts) or have a duplicate id. The others have a
   * conflict if their stream is not at the expected version.
   */
  refuse(appends: readonly PreparedAppend[]): readonly AppendOutcome[] | undefined {
    if (appends.some(({ events }) => events.some(({ id }) => this.#recorded.has(id)))) {
      return settleRepeat(appends, this.#recorded, ({ streamId }) => this.#head(streamId))
    }
    const conflicts = appends.map(({ streamId, expectedVersion }) => {
      const stream = this.#streams.get(streamId)
      const version = stream?.events.length ?? 0
      return (
        !isExpected(expectedVersion, stream !== undefined, version) &&
        ({ kind: 'conflict', actual: version } as const)
      )
    })
    if (!conflicts.some(Boolean)) return undefined
    return conflicts.map((conflict) => conflict || { kind: 'abandoned' })
  }

  /** Returns the events of appends as `record` would store them now. Records nothing. */
  planAppends(appends: readonly PreparedAppend[]): readonly StoredEvent[] {
    const recordedAt = new Date()
    return this.#plan(
      appends.flatMap(({ streamId, events }) => events.map((event) => ({ ...event, streamId, recordedAt }))),
    )
  }

  #plan(events: readonly (PreparedImport & { readonly recordedAt: Date })[]): readonly StoredEvent[] {
    const last = new Map<string, { readonly version: number; readonly recordedAt: Date }>()
    return events.map((event, index) => {
      const { streamId, recordedAt: at } = event
      const recorded = this.#streams.get(streamId)?.events.at(-1)
      const previous = last.get(streamId) ?? recorded ?? { version: 0, recordedAt: at }
      // A clock may step back, but `recordedAt` must never decrease within a stream.
      const recordedAt = new Date(Math.max(previous.recordedAt.getTime(), at.getTime()))
      const planned = {
        ...event,
        version: previous.version + 1,
        position: this.#log.length + index + 1,
        recordedAt,
      }
      last.set(streamId, planned)
      return planned
    })
  }

  /** Records planned events. The caller must not let anything else be recorded between the plan and this call. */
  record(planned: readonly StoredEvent[]): void {
    for (const event of planned) {
      this.#openStream(event.streamId).events.push(event)
      this.#log.push(event)
      this.#recorded.set(event.id, event)
    }
  }

  /** Returns the outcome of each append, from the events that were planned for all of them. */
  outcomesOf(appends: readonly PreparedAppend[], planned: readonly StoredEvent[]): readonly AppendOutcome[] {
    let from = 0
    return appends.map(({ streamId, events }) => {
      const own = planned.slice(from, from + events.length)
      from += events.length
      const last = own.at(-1)
      if (last === undefined) return this.#head(streamId)
      const positions = own.map(({ position }) => position)
      return { kind: 'appended', version: last.version, positions, recordedAt: new Date(last.recordedAt) }
    })
  }

  /** The outcome of an append without events: the present version of its stream, and the position of its last event. */
  #head(streamId: string): AppendSuccess {
    const recorded = this.#streams.get(streamId)?.events ?? []
    const emptyAt = recorded.at(-1)?.position ?? 0
    return { kind: 'appended', version: recorded.length, positions: [], recordedAt: undefined, emptyAt }
  }

  #openStream(streamId: string, metadata = '{}'): Stream {
    const stream = this.#streams.get(streamId) ?? { createdAt: new Date(), metadata, events: [] }
    this.#streams.set(streamId, stream)
    return stream
  }

  async readStream(streamId: string, window: StreamWindow): Promise<StreamSlice> {
    const { fromVersion, toVersion, asOf, direction, limit } = window
    const stream = this.#streams.get(streamId)
    let events = stream?.events.slice(fromVersion - 1, toVersion) ?? []
    if (asOf !== undefined) events = events.filter(({ recordedAt }) => recordedAt <= asOf)
    if (direction === 'backward') events.reverse()
    return {
      streamId,
      version: stream?.events.length ?? 0,
      exists: stream !== undefined,
      events: events.slice(0, limit).map(toRecorded),
    }
  }

  async findEvent(id: string): Promise<RecordedEvent | undefined> {
    const event = this.#recorded.get(id)
    return event && toRecorded(event)
  }

  async readLogPage(query: LogQuery): Promise<LogPage> {
    const readAt = new Date()
    const { after, until, types, streamPrefix, tags, partition, direction, limit } = query
    // Position p is at index p - 1. `after` is exclusive and `until` inclusive, so the page covers indexes
    // after..end-1.
    const end = Math.min(until, this.#log.length)
    const step = direction === 'forward' ? 1 : -1
    // A page without an end would keep the event loop busy while it searches a long log for a few events.
    const [from, to] = [
      Math.max(after, end - maxPositionsPerPage),
      Math.min(end, after + maxPositionsPerPage),
    ]
    const events: StoredEvent[] = []
    for (
      let at = step > 0 ? after : end - 1;
      (step > 0 ? at < to : at >= from) && events.length < limit;
      at += step
    ) {
      const event = this.#log[at] as StoredEvent
      if (types?.includes(event.type) === false) continue
      if (streamPrefix !== undefined && !event.streamId.startsWith(streamPrefix)) continue
      if (tags?.every((tag) => event.tags.includes(tag)) === false) continue
      if (partition !== undefined && !isInPartition(event.streamId, partition)) continue
      events.push(event)
    }
    const last = events.length === limit ? events.at(-1)?.position : undefined
    const full = last !== undefined || (step > 0 ? to < end : from > after)
    // The page has searched all positions up to its end, also those of events that the query does not select.
    const passed = step > 0 ? Math.max(after, to) : from > after ? from + 1 : after
    return {
      events: events.map(toRecorded),
      frontier: this.#log.length,
      full,
      through: last ?? passed,
      readAt,
      bytes: events.reduce(
        (sum, { data, metadata }) => sum + data.length + metadata.length + bytesOfFacts,
        0,
      ),
    }
  }

  async streamInfo(streamId: string): Promise<StreamInfo | undefined> {
    const stream = this.#streams.get(streamId)
    return stream && describe(streamId, stream)
  }

  async listStreams(prefix: string, after: string, limit: number): Promise<readonly StreamInfo[]> {
    return [...this.#streams]
      .filter(([streamId]) => streamId.startsWith(prefix) && compareNames(streamId, after) > 0)
      .sort(([a], [b]) => compareNames(a, b))
      .slice(0, limit)
      .map(([streamId, stream]) => describe(streamId, stream))
  }

  async largestStreams(prefix: string, limit: number): Promise<readonly StreamInfo[]> {
    return [...this.#streams]
      .filter(([streamId]) => streamId.startsWith(prefix))
      .sort(([a, one], [b, other]) => other.events.length - one.events.length || compareNames(a, b))
      .slice(0, limit)
      .map(([streamId, stream]) => describe(streamId, stream))
  }

  /**
   * Returns the events of a batch as `record` would store them, or the outcome of a batch that is refused. Events whose
   * id is already recorded in their stream are left out. Records nothing.
   */
  planImport(events: readonly PreparedImport[], clampTimes: boolean): readonly StoredEvent[] | ImportOutcome {
    for (const { id, streamId } of events) {
      const recorded = this.#recorded.get(id) ?? { streamId }
      if (recorded.streamId !== streamId) {
        return { kind: 'duplicate', eventId: id, streamId: recorded.streamId }
      }
    }
    const fresh = events.filter(({ id }) => !this.#recorded.has(id))
    const now = new Date()
    const latest = new Map<string, Date>()
    for (const event of fresh) {
      const { streamId, recordedAt = now } = event
      const previous = latest.get(streamId) ?? this.#streams.get(streamId)?.events.at(-1)?.recordedAt
      const isLate = previous !== undefined && previous > recordedAt
      if (isLate && event.recordedAt !== undefined && !clampTimes) {
        return { kind: 'out-of-order', streamId, recordedAt, previous }
      }
      if (!isLate) latest.set(streamId, recordedAt)
    }
    return this.#plan(fresh.map((event) => ({ ...event, recordedAt: event.recordedAt ?? now })))
  }

  async lastPosition(): Promise<number> {
    return this.#log.length
  }

  async positionBefore(time: Date): Promise<number> {
    const first = this.#log.findIndex(({ recordedAt }) => recordedAt >= time)
    return first < 0 ? this.#log.length : first
  }
}

/** Returns the event as a reader gets it: with parsed JSON, and sharing no object with the log. */
export function toRecorded({
  data,
  metadata,
  tags,
  recordedAt,
  idFrom: _,
  ...event
}: StoredEvent): RecordedEvent {
  return {
    ...event,
    data: JSON.parse(data),
    metadata: JSON.parse(metadata),
    tags: [...tags],
    recordedAt: new Date(recordedAt),
  }
}

function describe(streamId: string, { createdAt, metadata, events }: Stream): StreamInfo {
  const last = events.at(-1)?.recordedAt
  return {
    streamId,
    version: events.length,
    createdAt: new Date(createdAt),
    lastRecordedAt: last && new Date(last),
    metadata: JSON.parse(metadata),
  }
}
