/**
 * Shares pages between the partitions of one subscription in this process while they catch up: one of them reads a page
 * without the partition condition, and each takes its part. A partition that is a little behind finds the page here; one
 * that is far behind reads alone.
 */
import type { RecordedEvent } from '../event.ts'
import type { EventFilter } from '../input/event-filter.ts'
import type { LogPage, Partition } from '../storage/log-query.ts'
import { wholeLog } from '../storage/log-query.ts'
import { bytesOf, factsOf } from './segment.ts'
import { SharedCall } from './shared-call.ts'
import type { StreamHashes } from './stream-hashes.ts'
import type { ReadLogPage } from './tail.ts'

// Of all subscriptions together.
const maxEvents = 10_000
const maxBytes = 8_388_608
// An event takes at least about so many bytes. With it, a page need not be decoded to know how many it has at most.
const minBytesOfEvent = 50

/** A page of all partitions, and how it is divided. */
class DividedPage {
  readonly after: number
  readonly limit: number
  readonly page: LogPage
  readonly #count: number
  readonly #hashes: StreamHashes
  #parts: readonly RecordedEvent[][] | undefined
  /** The partitions that have their events: their handlers may have changed these. */
  readonly #taken = new Set<number>()

  constructor(after: number, limit: number, page: LogPage, count: number, hashes: StreamHashes) {
    this.after = after
    this.limit = limit
    this.page = page
    this.#count = count
    this.#hashes = hashes
  }

  /** The largest number of events that it may have. */
  get events(): number {
    const { bytes } = this.page
    return bytes === undefined ? this.page.events.length : Math.min(this.limit, bytes / minBytesOfEvent)
  }

  isTakenBy(index: number): boolean {
    return this.#taken.has(index)
  }

  /** Returns the events of one partition after a position. Decodes the page when the reader uses them. */
  part(index: number, after: number, full: boolean): LogPage {
    const take = () => this.#take(index).filter(({ position }) => position > after)
    let events: readonly RecordedEvent[] | undefined
    return {
      ...factsOf(this.page),
      get events() {
        events ??= take()
        return events
      },
      full,
      through: Math.max(after, this.page.through),
    }
  }

  #take(index: number): readonly RecordedEvent[] {
    this.#parts ??= this.#divide()
    this.#taken.add(index)
    return this.#parts[index] ?? []
  }

  #divide(): readonly RecordedEvent[][] {
    const parts: RecordedEvent[][] = Array.from({ length: this.#count }, () => [])
    for (const event of this.page.events) {
      parts[this.#hashes.partitionOf(event.streamId, this.#count)]?.push(event)
    }
    return parts
  }
}

interface PageInFlight {
  readonly after: number
  readonly limit: number
  readonly call: SharedCall<DividedPage>
}

/** The partitions of one subscription in this process. */
interface Group {
  /** How many members each partition has. */
  readonly partitions: Map<number, number>
  readonly inFlight: Set<PageInFlight>
  pages: DividedPage[]
}

/** A member of a group: a partition of a subscription, and the events that it wants. */
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
          after < one.page.through &&
          one.limit <= limit &&
          !one.isTakenBy(index) &&
          (server === undefined || one.page.server === server),
      )
      // It may have reached the end of the log when it was read. By now, more events may follow.
      if (kept !== undefined) return kept.part(index, after, true)
      // A full page of so many events passes at least so many positions.
      const found = [...group.inFlight].find(
        (one) =>
          one.after <= after && after - one.after < one.limit && one.limit <= limit && !one.call.isAborted,
      )
      const request = found ?? this.#request(group, member, query)
      const page = await request.call.join(signal)
      const { full, through } = page.page
      if (found === undefined || !full || after < through) return page.part(index, after, full)
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
    group.pages.push(page)
    this.#kept.push({ group, page })
    let events = 0
    let bytes = 0
    const from = this.#kept.findLastIndex((kept) => {
      events += kept.page.events
      bytes += bytesOf(kept.page.page)
      return events > maxEvents || bytes > maxBytes
    })
    for (const dropped of this.#kept.splice(0, from + 1)) {
      dropped.group.pages = dropped.group.pages.filter((one) => one !== dropped.page)
    }
  }
}

function keyOf({ subscription, filter, partition }: PartitionMember): string {
  const { types, streamPrefix, tags } = filter
  return JSON.stringify([subscription, types ?? null, streamPrefix ?? null, tags ?? null, partition.count])
}
