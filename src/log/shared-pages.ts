/**
 * Shares pages between the partitions of one subscription in this process while they catch up. One partition reads a page
 * with the events of all partitions, and each partition takes its part. A partition that is a little behind the others
 * finds the page in memory. A partition that is far behind reads pages of its own.
 */
import type { RecordedEvent } from '../event.ts'
import type { EventFilter } from '../input/event-filter.ts'
import type { LogPage, Partition } from '../storage/log-query.ts'
import { wholeLog } from '../storage/log-query.ts'
import { bytesOf, factsOf, type LogFacts } from './segment.ts'
import { SharedCall } from './shared-call.ts'
import type { StreamHashes } from './stream-hashes.ts'
import type { ReadLogPage } from './tail.ts'

// The limits of all kept pages, of all subscriptions together.
const maxEvents = 10_000
const maxBytes = 8_388_608
// The least number of bytes that an event takes, about. It bounds the number of events of a page that is not decoded.
const minBytesOfEvent = 50

/** A page with the events of all partitions. Each partition takes its part. */
class DividedPage {
  readonly after: number
  /** The largest number of events that the query asked for. */
  readonly limit: number
  readonly through: number
  readonly full: boolean
  /** About how many bytes its events take. */
  readonly bytes: number
  readonly facts: LogFacts
  readonly #count: number
  readonly #hashes: StreamHashes
  /** The page as it was read; undefined once it is divided into parts. */
  #page: LogPage | undefined
  /** The events by partition, without the parts that were taken. */
  readonly #parts = new Map<number, RecordedEvent[]>()
  readonly #claimed = new Set<number>()

  constructor(after: number, limit: number, page: LogPage, count: number, hashes: StreamHashes) {
    this.after = after
    this.limit = limit
    this.through = page.through
    this.full = page.full
    this.bytes = bytesOf(page)
    this.facts = factsOf(page)
    this.#count = count
    this.#hashes = hashes
    this.#page = page
  }

  /** An upper bound of the number of events, about. Does not decode the page. */
  get maxEvents(): number {
    return Math.min(this.limit, this.bytes / minBytesOfEvent)
  }

  /** Whether one of these partitions has not claimed its part yet. */
  isWantedBy(partitions: Iterable<number>): boolean {
    return [...partitions].some((index) => !this.#claimed.has(index))
  }

  /**
   * Returns the events of one partition after a position (exclusive). Decodes the page when the caller first reads
   * `events`. Each partition may claim its part once, because its handlers may change the events.
   */
  claim(index: number, after: number, full: boolean): LogPage {
    this.#claimed.add(index)
    const take = () => this.#take(index).filter(({ position }) => position > after)
    let events: readonly RecordedEvent[] | undefined
    return {
      ...this.facts,
      get events() {
        events ??= take()
        return events
      },
      full,
      through: Math.max(after, this.through),
    }
  }

  #take(index: number): readonly RecordedEvent[] {
    if (this.#page !== undefined) {
      for (const event of this.#page.events) {
        const partition = this.#hashes.partitionOf(event.streamId, this.#count)
        const part = this.#parts.get(partition)
        if (part === undefined) this.#parts.set(partition, [event])
        else part.push(event)
      }
      this.#page = undefined
    }
    const part = this.#parts.get(index) ?? []
    this.#parts.delete(index)
    return part
  }
}

interface PageInFlight {
  readonly after: number
  readonly limit: number
  readonly call: SharedCall<DividedPage>
}

/** The partitions of one subscription in this process. */
interface Group {
  /** The number of members of each partition, by its index. */
  readonly partitions: Map<number, number>
  readonly inFlight: Set<PageInFlight>
  pages: DividedPage[]
}

/** A member of a group: a partition of a subscription, and the filter of the subscription. */
export interface PartitionMember {
  readonly subscription: string
  readonly filter: EventFilter
  readonly partition: Partition
}

export interface PartitionQuery {
  readonly after: number
  readonly limit: number
  readonly server: string | undefined
}

export class SharedPages {
  readonly #readLogPage: ReadLogPage
  readonly #hashes: StreamHashes
  readonly #groups = new Map<string, Group>()
  /** The pages of all groups, the oldest first. */
  #kept: { readonly group: Group; readonly page: DividedPage }[] = []

  constructor(readLogPage: ReadLogPage, hashes: StreamHashes) {
    this.#readLogPage = readLogPage
    this.#hashes = hashes
  }

  join(member: PartitionMember): void {
    const key = keyOf(member)
    const group: Group = this.#groups.get(key) ?? { partitions: new Map(), inFlight: new Set(), pages: [] }
    this.#groups.set(key, group)
    const { index } = member.partition
    group.partitions.set(index, (group.partitions.get(index) ?? 0) + 1)
  }

  leave(member: PartitionMember): void {
    const key = keyOf(member)
    const group = this.#groups.get(key)
    if (group === undefined) return
    const { index } = member.partition
    const left = (group.partitions.get(index) ?? 0) - 1
    if (left > 0) group.partitions.set(index, left)
    else group.partitions.delete(index)
    if (group.partitions.size > 0) return
    this.#groups.delete(key)
    this.#kept = this.#kept.filter((kept) => kept.group !== group)
  }

  /** Forgets all pages: the log has lost its end. */
  clear(): void {
    this.#kept = []
    for (const group of this.#groups.values()) group.pages = []
  }

  /** Returns the next page of a partition; undefined if this process has no other partition of the subscription. */
  async read(
    member: PartitionMember,
    query: PartitionQuery,
    signal: AbortSignal | undefined,
  ): Promise<LogPage | undefined> {
    const group = this.#groups.get(keyOf(member))
    if (group === undefined || group.partitions.size < 2) return undefined
    const { index } = member.partition
    const { after, limit, server } = query
    for (;;) {
      const kept = group.pages.find(
        (one) =>
          one.after <= after &&
          after < one.through &&
          one.limit <= limit &&
          one.isWantedBy([index]) &&
          (server === undefined || one.facts.server === server),
      )
      // The page may have reached the end of the log when it was read. More events may follow by now, so it counts as full.
      if (kept !== undefined) return kept.claim(index, after, true)
      // A full page of `limit` events covers at least `limit` positions, so it reaches beyond `after`.
      const found = [...group.inFlight].find(
        (one) =>
          one.after <= after && after - one.after < one.limit && one.limit <= limit && !one.call.isAborted,
      )
      const request = found ?? this.#request(group, member, query)
      const page = await request.call.join(signal)
      const isPassed = found !== undefined && page.full && page.through <= after
      if (!isPassed && page.isWantedBy([index])) return page.claim(index, after, page.full)
    }
  }

  #request(group: Group, { filter, partition }: PartitionMember, query: PartitionQuery): PageInFlight {
    const { after, limit } = query
    const call = new SharedCall(async (signal) => {
      try {
        const page = await this.#readLogPage({ ...wholeLog, ...filter, after, limit }, signal)
        const divided = new DividedPage(after, limit, page, partition.count, this.#hashes)
        if (page.through > after) this.#keep(group, divided)
        return divided
      } finally {
        group.inFlight.delete(request)
      }
    })
    const request = { after, limit, call }
    group.inFlight.add(request)
    return request
  }

  #keep(group: Group, page: DividedPage): void {
    if (group.partitions.size < 2) return
    this.#kept.push({ group, page })
    let [events, bytes] = [0, 0]
    // Keeps the newest pages, as many as fit.
    this.#kept = this.#kept
      .reverse()
      .filter(({ group, page }) => {
        if (!page.isWantedBy(group.partitions.keys())) return false
        events += page.maxEvents
        bytes += page.bytes
        return events <= maxEvents && bytes <= maxBytes
      })
      .reverse()
    for (const one of this.#groups.values()) {
      one.pages = this.#kept.filter((kept) => kept.group === one).map((kept) => kept.page)
    }
  }
}

function keyOf({ subscription, filter, partition }: PartitionMember): string {
  const { types, streamPrefix, tags } = filter
  return JSON.stringify([subscription, types ?? null, streamPrefix ?? null, tags ?? null, partition.count])
}
