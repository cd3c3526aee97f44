/**
 * The teaching implementation: everything a storage must do, in plain arrays and maps. JavaScript runs one
 * function at a time, so whatever happens without an `await` in between is a transaction.
 *
 * Payloads are kept as JSON text and parsed anew for each reader: nobody can change what is recorded.
 */
import type { RecordedEvent } from '../event.ts'
import { eventStore } from '../event-store.ts'
import { isExpected } from '../expected-version.ts'
import type { InputLimits } from '../input.ts'
import { compareNames } from '../names.ts'
import { type RecordedId, settleRepeat } from '../repeat.ts'
import type {
  AppendOutcome,
  CreateOutcome,
  ImportOutcome,
  LogPage,
  LogQuery,
  PreparedAppend,
  PreparedEvent,
  PreparedImport,
  Storage,
  StreamWindow,
  Written,
} from '../storage.ts'
import type { EventStore, StreamInfo, StreamSlice } from '../store.ts'

interface StoredEvent extends PreparedEvent, RecordedId {}

interface Stream {
  readonly createdAt: Date
  readonly metadata: string
  /** The event of version n is at index n - 1. */
  readonly events: StoredEvent[]
}

/** An event store in this process's memory, with the semantics of the others to the letter. */
export function memoryStore(limits: InputLimits = {}): EventStore {
  return eventStore(new MemoryStorage(), limits)
}

class MemoryStorage implements Storage {
  readonly #streams = new Map<string, Stream>()
  readonly #recorded = new Map<string, StoredEvent>()
  /** The event at position p is at index p - 1: in memory, positions have no gaps. */
  readonly #log: StoredEvent[] = []

  async createStream(streamId: string, metadata: string): Promise<CreateOutcome> {
    const existing = this.#streams.get(streamId)
    if (existing !== undefined) return { kind: 'exists', version: existing.events.length }
    const stream = this.#openStream(streamId, metadata)
    return { kind: 'created', stream: describe(streamId, stream) }
  }

  async append(appends: readonly PreparedAppend[]): Promise<readonly AppendOutcome[]> {
    if (appends.some(({ events }) => events.some(({ id }) => this.#recorded.has(id)))) {
      return settleRepeat(appends, this.#recorded, (append) => this.#write(append))
    }
    const conflicts = appends.map(({ streamId, expectedVersion }) => {
      const stream = this.#streams.get(streamId)
      const version = stream?.events.length ?? 0
      return (
        !isExpected(expectedVersion, stream !== undefined, version) &&
        ({ kind: 'conflict', actual: version } as const)
      )
    })
    if (conflicts.some(Boolean)) return conflicts.map((conflict) => conflict || { kind: 'abandoned' })
    return appends.map((append) => this.#write(append))
  }

  #write({ streamId, events }: PreparedAppend): Written {
    if (events.length === 0) {
      const recorded = this.#streams.get(streamId)?.events ?? []
      const emptyAt = recorded.at(-1)?.position ?? 0
      return { kind: 'appended', version: recorded.length, positions: [], recordedAt: undefined, emptyAt }
    }
    const recordedAt = new Date()
    const stored = events.map((event) => this.#record(streamId, event, recordedAt))
    const { version, recordedAt: lastTime } = stored.at(-1) as StoredEvent
    const positions = stored.map(({ position }) => position)
    return { kind: 'appended', version, positions, recordedAt: new Date(lastTime) }
  }

  #openStream(streamId: string, metadata = '{}'): Stream {
    const stream = this.#streams.get(streamId) ?? { createdAt: new Date(), metadata, events: [] }
    this.#streams.set(streamId, stream)
    return stream
  }

  #record(streamId: string, event: PreparedEvent, at: Date): StoredEvent {
    const { events } = this.#openStream(streamId)
    // Clocks may step back; time in a stream never does.
    const previous = events.at(-1)?.recordedAt
    const recordedAt = previous !== undefined && previous > at ? previous : at
    const stored = {
      ...event,
      streamId,
      version: events.length + 1,
      position: this.#log.length + 1,
      recordedAt,
    }
    events.push(stored)
    this.#log.push(stored)
    this.#recorded.set(event.id, stored)
    return stored
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
      events: events.slice(0, limit).map(reveal),
    }
  }

  async readLog({ after, until, types, streamPrefix, direction, limit }: LogQuery): Promise<LogPage> {
    const end = Math.min(until, this.#log.length)
    const step = direction === 'forward' ? 1 : -1
    const events: StoredEvent[] = []
    for (let at = step > 0 ? after : end - 1; at >= after && at < end && events.length < limit; at += step) {
      const event = this.#log[at] as StoredEvent
      if (types?.includes(event.type) === false) continue
      if (streamPrefix !== undefined && !event.streamId.startsWith(streamPrefix)) continue
      events.push(event)
    }
    const full = events.length === limit
    const last = events.at(-1)?.position ?? 0
    const through = full ? last : direction === 'forward' ? Math.max(after, end) : after
    return { events: events.map(reveal), frontier: this.#log.length, full, through }
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

  async importBatch(events: readonly PreparedImport[], clampTimes: boolean): Promise<ImportOutcome> {
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
    for (const { streamId, recordedAt = now, ...event } of fresh) this.#record(streamId, event, recordedAt)
    return { kind: 'imported', imported: fresh.length }
  }

  async close(): Promise<void> {}
}

/** What a reader gets: everything its own copy. */
function reveal({ data, metadata, tags, recordedAt, ...event }: StoredEvent): RecordedEvent {
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
