/**
 * Finds events by their ids.
 *
 * An id from the caller is in an item of the log's table (see id-item.ts): its condition refuses a second event
 * with this id. So are the ids that the library derives from the id of a command. An id that the library made
 * for one call is in no item, because no other call knows it. A caller that passes such an id later has read it
 * from the stream. There it is found by its time, because a UUID of version 7 contains the time when it was
 * made.
 */
import { type PreparedEvent, type RecordedId, timeOfUuid } from '../../storage/index.ts'
import { allCommits } from '../commits/heads.ts'
import { eventsOf, partsIn } from '../commits/read.ts'
import { eventIdKey, type Key, streamPartition, type Tables } from '../keys.ts'
import { type Item, numberOf } from '../requests/attributes.ts'
import type { Connection } from '../requests/connection.ts'
import { locationIn } from './id-item.ts'

// In milliseconds. A clock may be set back by so much between the making of an id and the recording of its
// event.
const clockTolerance = 1_000

export class EventIds {
  readonly #connection: Connection
  readonly #tables: Tables

  constructor(connection: Connection, tables: Tables) {
    this.#connection = connection
    this.#tables = tables
  }

  /**
   * Returns which ids are recorded, by id. It looks for an id that the library made only in the stream of its
   * event, and only if `mayBeInStream` says so for that stream.
   */
  async find(
    streams: ReadonlyMap<string, readonly PreparedEvent[]>,
    signal?: AbortSignal,
    mayBeInStream: (streamId: string, events: readonly PreparedEvent[]) => boolean = () => true,
  ): Promise<Map<string, RecordedId>> {
    const ids = [...streams.values()].flatMap((events) => events.filter(hasCallerId).map(({ id }) => id))
    const found = await this.#findItems(ids, signal)
    for (const [streamId, events] of streams) {
      if (!mayBeInStream(streamId, events)) continue
      const times = events
        .filter((event) => hasCallerId(event) && !found.has(event.id))
        .map(({ id }) => timeOfUuid(id))
      const since = times.reduce<number>(
        (least, time = least) => Math.min(least, time),
        Number.POSITIVE_INFINITY,
      )
      if (since < Number.POSITIVE_INFINITY) await this.#findInStream(streamId, events, since, found, signal)
    }
    return found
  }

  /**
   * Whether one of the ids may be an id that the library made for an event of the stream. `lastRecordedAt`:
   * when the last event of the stream was recorded.
   */
  mayBeRecorded(events: readonly PreparedEvent[], lastRecordedAt: number): boolean {
    return events.some((event) => {
      const time = hasCallerId(event) ? timeOfUuid(event.id) : undefined
      return time !== undefined && time - clockTolerance <= lastRecordedAt
    })
  }

  /** Returns where the event with this id is; undefined if the id is in no item. */
  async placeOf(id: string, signal?: AbortSignal): Promise<RecordedId | undefined> {
    return (await this.#findItems([id], signal)).get(id)
  }

  async #findItems(
    ids: readonly string[],
    signal: AbortSignal | undefined,
  ): Promise<Map<string, RecordedId>> {
    if (ids.length === 0) return new Map()
    const subject = {
      doing: 'Looking for event ids',
      table: this.#tables.log,
      key: `${ids.length} event ids`,
    }
    // Neighbours share a key.
    const keys = new Map(ids.map((id) => [eventIdKey(id).p.S, eventIdKey(id)]))
    const items = await this.#connection.batchGet(subject, [...keys.values()], { consistent: true }, signal)
    const itemOf = new Map(items.map((item) => [(item as Key).p.S, item]))
    const found = new Map<string, RecordedId>()
    for (const id of ids) {
      const location = locationIn(itemOf.get(eventIdKey(id).p.S), id)
      if (location !== undefined)
        found.set(id, { id, ...location, recordedAt: new Date(location.recordedAt) })
    }
    return found
  }

  async #findInStream(
    streamId: string,
    events: readonly PreparedEvent[],
    since: number,
    found: Map<string, RecordedId>,
    signal: AbortSignal | undefined,
  ): Promise<void> {
    const wanted = new Set(events.map(({ id }) => id))
    const partition = streamPartition(streamId)
    const subject = { doing: 'Looking for event ids', table: this.#tables.events, key: partition }
    const input = {
      KeyConditionExpression: 'p = :p AND s BETWEEN :from AND :to',
      ExpressionAttributeValues: allCommits(streamId),
      ScanIndexForward: false,
      Limit: 50,
    }
    let parts: Item[] = []
    for (let start: Item | undefined; ; ) {
      const page = await this.#connection.query(
        subject,
        start === undefined ? input : { ...input, ExclusiveStartKey: start },
        signal,
      )
      for (const item of page.items) {
        if ((item as Key).s.S.includes('+')) {
          parts.unshift(item)
          continue
        }
        if ((numberOf(item, 't') as number) < since - clockTolerance) return
        const recorded =
          parts.length === partsIn(item) - 1 ? eventsOf(streamId, { first: item, others: parts }) : []
        parts = []
        for (const event of recorded) if (wanted.has(event.id)) found.set(event.id, event)
      }
      start = page.next
      if (start === undefined) return
    }
  }
}

export const hasCallerId = ({ idFrom }: PreparedEvent): boolean => idFrom === 'caller'
