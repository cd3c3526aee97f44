/**
 * Reads the log for all subscriptions and followers of a store object. Each partition and each follower is a *member*:
 *
 *     at the end      they wait together. One poll for all of them keeps the newest events in memory.      (tail.ts)
 *     catching up     the partitions of one subscription share the pages that they read.           (shared-pages.ts)
 *     otherwise       a member reads alone, so that it delays no other member.
 */
import type { RecordedEvent } from '../event.ts'
import type { EventFilter } from '../input/event-filter.ts'
import type { Clock } from '../runtime/clock.ts'
import type { Wakeup } from '../runtime/wakeup.ts'
import { presentCaller } from '../storage/caller.ts'
import type { LogPage, Partition } from '../storage/log-query.ts'
import { wholeLog } from '../storage/log-query.ts'
import { fullPace } from '../storage/pace.ts'
import type { Storage } from '../storage/storage.ts'
import { selects } from './event-selection.ts'
import { type PartitionMember, SharedPages } from './shared-pages.ts'
import { StreamHashes } from './stream-hashes.ts'
import { type ReadLogPage, Tail } from './tail.ts'

/** Which events a member wants. */
export interface MemberOptions {
  readonly filter: EventFilter
  /** The longest pause between two polls of the end of the log, in milliseconds. */
  readonly pollInterval: number
  /** The partition that it handles, if its subscription has several. @default all events */
  readonly partition?: (Partition & { readonly subscription: string }) | undefined
}

/** The next page that a member asks for. */
export interface MemberQuery {
  /** Only events after this position (exclusive). */
  readonly after: number
  /** Only events up to this position (inclusive). @default no limit */
  readonly until?: number | undefined
  /** The largest number of events on the page. */
  readonly limit: number
  /**
   * The server that the member has read from, or that has granted its lease. The reader returns no page of another server
   * from memory. @default any server
   */
  readonly server?: string | undefined
  /** Whether to read from the storage, so that the page has all events that this process has appended. @default false */
  readonly fromStorage?: boolean | undefined
}

export class LogReader {
  readonly #hashes = new StreamHashes()
  readonly #tail: Tail
  readonly #pages: SharedPages
  readonly #readLogPage: ReadLogPage
  /** The end of the log, as this process knows it. */
  #end = 0
  #server: string | undefined

  constructor(
    storage: Pick<Storage, 'readLogPage' | 'pace'>,
    wakeup: Pick<Wakeup, 'count' | 'wait'>,
    clock: Clock,
  ) {
    // Several members may wait for a read. It must not run in the async context of one of them, such as its transaction.
    const own = presentCaller()
    const readLogPage: ReadLogPage = async (query, signal) => {
      const page = await own(() => storage.readLogPage(query, signal))
      if (query.until === wholeLog.until) this.#noteEnd(page)
      return page
    }
    const { polls } = storage.pace ?? fullPace
    this.#tail = new Tail(readLogPage, wakeup, clock, polls, () => this.#pages.clear())
    this.#readLogPage = async (query, signal) => {
      const [began, wakeups] = [clock.now(), wakeup.count]
      const page = await readLogPage(query, signal)
      this.#tail.note(page, began, wakeups)
      return page
    }
    this.#pages = new SharedPages(this.#readLogPage, this.#hashes)
  }

  /** The position of the end of the log, as this process knows it from what it has read and appended; 0 before that. */
  get end(): number {
    return this.#end
  }

  /** Notes the position of an event that this process has appended. */
  noteAppended(position: number): void {
    if (position > this.#end) this.#end = position
  }

  /** A page that is not full reaches the end of the log. Another server may have lost the end that the former one had. */
  #noteEnd({ full, frontier, through, server }: LogPage): void {
    const isOther = server !== this.#server
    this.#server = server
    if (!full) this.#end = through
    else if (isOther || frontier > this.#end) this.#end = frontier
  }

  join(options: MemberOptions): LogMember {
    return new LogMember(options, this.#hashes, this.#tail, this.#pages, this.#readLogPage)
  }
}

/** A partition of a subscription, or a follower. It reads the log through the `LogReader` of its store object. */
export class LogMember {
  readonly filter: EventFilter
  readonly pollInterval: number
  /** Whether the member wants an event. */
  readonly selects: (event: RecordedEvent) => boolean
  readonly #partition: PartitionMember | undefined
  readonly #tail: Tail
  readonly #pages: SharedPages
  readonly #readLogPage: ReadLogPage

  constructor(
    { filter, pollInterval, partition }: MemberOptions,
    hashes: StreamHashes,
    tail: Tail,
    pages: SharedPages,
    readLogPage: ReadLogPage,
  ) {
    this.filter = filter
    this.pollInterval = pollInterval
    this.selects = selects(filter, partition, hashes)
    this.#tail = tail
    this.#pages = pages
    this.#readLogPage = readLogPage
    if (partition === undefined) return
    const { subscription, index, count } = partition
    this.#partition = { subscription, filter, partition: { index, count } }
    pages.join(this.#partition)
  }

  /**
   * Returns the next page, from memory if the page is there. When the signal is aborted, the call rejects with the
   * signal's reason; other members that wait for the same page still get it.
   * @throws the error of the storage, if the log cannot be read
   */
  async read(query: MemberQuery, signal: AbortSignal): Promise<LogPage> {
    const { after, until = Number.MAX_SAFE_INTEGER, limit, server, fromStorage = false } = query
    const member = this.#partition
    if (!fromStorage) {
      const known = await this.#tail.read(this, { after, until, limit, server }, signal)
      if (known !== undefined) return known
      const shared = member && (await this.#pages.read(member, { after, limit, server }, signal))
      if (shared !== undefined) return shared
    }
    const { types, streamPrefix, tags } = this.filter
    const filter = { types, streamPrefix, tags, partition: member?.partition }
    return this.#readLogPage({ ...wholeLog, ...filter, after, until, limit }, signal)
  }

  /**
   * Waits until a read is worthwhile: the log has events for this member, or its end has moved, or about a poll interval
   * has passed. `through`: where the last page ended, which must not have been full.
   * @throws the error if the log cannot be read, or the reason of the signal
   */
  wait(through: number, signal: AbortSignal): Promise<void> {
    return this.#tail.wait(this, through, signal)
  }

  /**
   * Ends the membership. A member with a partition must call it: the reader keeps shared pages for it until then. The
   * reader forgets other members that have neither read nor waited for 5 s.
   */
  leave(): void {
    this.#tail.leave(this)
    if (this.#partition !== undefined) this.#pages.leave(this.#partition)
  }
}
