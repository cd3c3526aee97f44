/**
 * The model of an event store: one array of events, and the rules of the contract in the simplest code. It shares no code
 * with the library, so that a mistake in the library is not repeated here. It uses the same clock.
 */
import type { Event, Metadata, RecordedEvent } from '../src/event.ts'
import type { ImportedEvent, ImportResult } from '../src/imported-event.ts'
import type * as reads from '../src/reads.ts'
import type * as contract from '../src/store.ts'

/** The refusal of a call: the code and the properties of the error that a store throws. */
export class Refusal {
  readonly facts: Readonly<Record<string, unknown>>
  constructor(code: string, facts: Readonly<Record<string, unknown>>) {
    this.facts = { code, ...facts }
  }
}

type Appends = readonly contract.StreamAppend[]
type Shared = { readonly metadata?: Metadata | undefined }

export class Model {
  readonly #log: RecordedEvent[] = []
  readonly #streams = new Map<string, { readonly createdAt: Date; readonly metadata: Metadata }>()

  createStream(streamId: string, { metadata = {} }: Shared = {}): reads.StreamInfo | undefined {
    const version = this.#of(streamId).length
    if (this.#streams.has(streamId)) throw new Refusal('stream-already-exists', { streamId, version })
    this.#streams.set(streamId, { createdAt: new Date(), metadata: copy(metadata) })
    return this.streamInfo(streamId)
  }

  append(streamId: string, events: readonly Event[], options: contract.AppendOptions = {}) {
    return this.appendAll([{ streamId, events, expectedVersion: options.expectedVersion }], options)[0]
  }

  appendAll(appends: Appends, { metadata }: Shared = {}): contract.AppendResult[] {
    const ids = appends.flatMap(({ events }) => events.map(({ id }) => id))
    const names = appends.map(({ streamId }) => streamId)
    if (new Set(ids).size < ids.length) throw new Refusal('invalid-input', { field: 'events' })
    if (new Set(names).size < names.length) throw new Refusal('invalid-input', { field: 'appends' })

    const taken = ids.flatMap((id) => this.#log.filter((event) => event.id === id))[0]
    if (taken !== undefined && !appends.every((append) => this.#isRepeat(append))) {
      throw new Refusal('duplicate-event-id', { eventId: taken.id, streamId: taken.streamId })
    }
    for (const { streamId, expectedVersion: expected = 'any' } of taken === undefined ? appends : []) {
      const exists = this.#streams.has(streamId)
      const actual = this.#of(streamId).length
      const isMet = { any: true, noStream: !exists, streamExists: exists }[expected] ?? expected === actual
      if (!isMet) throw new Refusal('wrong-expected-version', { streamId, expected, actual })
    }
    return appends.map(({ streamId, events }) => {
      if (taken === undefined) for (const event of events) this.#record(streamId, event, new Date(), metadata)
      return this.#result(streamId, events, taken !== undefined)
    })
  }

  readStream(streamId: string, options: reads.ReadStreamOptions = {}): reads.StreamSlice {
    const { fromVersion = 1, toVersion = Number.POSITIVE_INFINITY, asOf, direction, limit } = options
    const all = this.#of(streamId)
    const within = all
      .filter(({ version }) => version >= fromVersion && version <= toVersion)
      .filter(({ recordedAt }) => asOf === undefined || recordedAt <= asOf)
    const events = turned(within, direction).slice(0, limit)
    return { streamId, version: all.length, exists: this.#streams.has(streamId), events }
  }

  readAll(options: reads.ReadAllOptions = {}): readonly RecordedEvent[] {
    const { after = 0, until = Number.POSITIVE_INFINITY, types, streamPrefix = '' } = options
    const within = this.#log
      .filter(({ position }) => position > after && position <= until)
      .filter(({ type, streamId }) => (types?.includes(type) ?? true) && streamId.startsWith(streamPrefix))
    return turned(within, options.direction).slice(0, options.limit)
  }

  streamInfo(streamId: string): reads.StreamInfo | undefined {
    const stream = this.#streams.get(streamId)
    const last = this.#of(streamId).at(-1)
    return stream && { streamId, version: last?.version ?? 0, lastRecordedAt: last?.recordedAt, ...stream }
  }

  listStreams({ prefix = '', after = '', limit, order }: reads.ListStreamsOptions = {}): reads.StreamInfo[] {
    const names = [...this.#streams.keys()].sort(inOrder)
    const within = names.filter((name) => name.startsWith(prefix) && inOrder(name, after) > 0)
    if (order === 'largest') within.sort((a, b) => this.#of(b).length - this.#of(a).length)
    return within.slice(0, limit).map((name) => this.streamInfo(name) as reads.StreamInfo)
  }

  /** Imports a source that fits into one batch. */
  import(source: readonly ImportedEvent[], { clampTimes = false } = {}): ImportResult {
    const fresh = withoutTwins(withoutTwins(source, []), this.#log)
    const now = new Date()
    const reached = new Map(fresh.map(({ streamId }) => [streamId, this.#of(streamId).at(-1)?.recordedAt]))
    for (const { streamId, recordedAt = now } of fresh) {
      const previous = reached.get(streamId)
      const isLate = previous !== undefined && recordedAt < previous
      const isRefused = isLate && !clampTimes && recordedAt !== now
      if (isRefused) throw new Refusal('import-out-of-order', { streamId })
      if (!isLate) reached.set(streamId, recordedAt)
    }
    for (const event of fresh) this.#record(event.streamId, event, event.recordedAt ?? now)
    return { read: source.length, imported: fresh.length, skipped: source.length - fresh.length }
  }

  #of(streamId: string): RecordedEvent[] {
    return this.#log.filter((event) => event.streamId === streamId)
  }

  #isRepeat({ streamId, events }: contract.StreamAppend): boolean {
    const all = this.#of(streamId).map(({ id }) => id)
    const from = all.indexOf(events[0]?.id as string)
    return events.every(({ id }, index) => from >= 0 && all[from + index] === id)
  }

  #record(streamId: string, event: Event, at: Date, shared?: Metadata): void {
    if (!this.#streams.has(streamId)) this.#streams.set(streamId, { createdAt: new Date(), metadata: {} })
    const { id = '', type, data, metadata, tags = [] } = event
    const all = this.#of(streamId)
    const recordedAt = new Date(Math.max(at.getTime(), all.at(-1)?.recordedAt.getTime() ?? at.getTime()))
    const given = { id, type, data: copy(data), metadata: copy({ ...shared, ...metadata }), tags: [...tags] }
    const [version, position] = [all.length + 1, this.#log.length + 1]
    this.#log.push({ ...given, streamId, version, position, recordedAt })
  }

  #result(streamId: string, events: readonly Event[], deduplicated: boolean): contract.AppendResult {
    const all = this.#of(streamId)
    const own = all.filter((event) => events.some(({ id }) => id === event.id))
    const position = (own.at(-1) ?? all.at(-1))?.position ?? 0
    const version = own.at(-1)?.version ?? all.length
    return {
      streamId,
      version,
      firstVersion: version - own.length + 1,
      position,
      positions: own.map((event) => event.position),
      recordedAt: own[0]?.recordedAt,
      deduplicated: deduplicated && own.length > 0,
    }
  }
}

/** Returns the events of a source without those whose id is in `log` or earlier in the source, which must be in the same stream. */
function withoutTwins(source: readonly ImportedEvent[], log: readonly RecordedEvent[]): ImportedEvent[] {
  const kept: ImportedEvent[] = []
  for (const event of source) {
    const twin = [...log, ...kept].find(({ id }) => id === event.id)
    if (twin === undefined) kept.push(event)
    else if (twin.streamId !== event.streamId)
      throw new Refusal('duplicate-event-id', { eventId: event.id, streamId: twin.streamId })
  }
  return kept
}

const copy = <T>(value: T): T => JSON.parse(JSON.stringify(value))

const turned = <T>(items: readonly T[], direction: reads.Direction = 'forward') =>
  direction === 'backward' ? items.toReversed() : items

/** Compares by code points, which is the same as by the bytes of UTF-8. */
const inOrder = (a: string, b: string) => Buffer.compare(Buffer.from(a), Buffer.from(b))
