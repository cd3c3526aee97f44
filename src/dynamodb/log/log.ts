/**
 * Reads pages of the log. A page ends before a slot that is missing; the next page waits until the slot is settled (see
 * gaps.ts). Blocks of slots are read ahead, several at once, while the events of the blocks before them are fetched.
 */
import {
  type Frontier,
  type LogPage,
  type LogQuery,
  type RecordedEvent,
  wholeLog,
} from '../../storage/index.ts'
import { blockOf, firstOfBlock, lastOfBlock, slotsPerBlock, type Tables } from '../keys.ts'
import type { Connection } from '../requests/connection.ts'
import { candidatesOf, isWanted } from './candidates.ts'
import { EventSearch } from './event-search.ts'
import { FrontierReads } from './frontier.ts'
import { Gaps } from './gaps.ts'
import { Hydration, maxBytesOfPage } from './hydration.ts'
import { lastPositionIn, type Slot } from './slot-item.ts'
import { lastEventIn, SlotReads } from './slot-reads.ts'
import { SlotSearch } from './slot-search.ts'
import type { Slots } from './slots.ts'

// A page ends after so many slots, even if few or none of their events are wanted.
const maxSlotsPerPage = 8_192
// How many blocks are read at once, at most. A page begins with one block, and doubles the number.
const maxBlocksAtOnce = 8
// A look that finds so many slots up to the end of a block looks whether the log continues there. After fewer slots, the next
// look finds that out for less.
const minSlotsToLookFurther = slotsPerBlock / 2
const eventually = { consistent: false }

type PageOfSlots = Omit<LogPage, 'frontier' | 'readAt'>

/** How far a forward page reads, and what it has read already. */
interface Look {
  /** The first slot that may have an event after the query's `after`. */
  readonly start: number
  /** The last slot to read. */
  readonly end: number
  /** The first slots, which are read already. There is no gap between them. */
  readonly slots: readonly Slot[]
  readonly frontier: number
}

export class Log {
  readonly #slots: Slots
  readonly #reads: SlotReads
  readonly #gaps: Gaps
  readonly #search: SlotSearch
  readonly #hydration: Hydration
  readonly #frontier: FrontierReads
  readonly #events: EventSearch
  /** Whether the last look at the end of the log found new slots. Then the next look does not read the counter. */
  #isBusy = false

  /** `gapTimeout`: in milliseconds. */
  constructor(connection: Connection, tables: Tables, slots: Slots, gapTimeout: number) {
    this.#slots = slots
    this.#reads = new SlotReads(connection, tables)
    this.#gaps = new Gaps({ connection, tables, slots, reads: this.#reads, gapTimeout })
    this.#search = new SlotSearch(slots, this.#reads)
    this.#hydration = new Hydration(connection, tables)
    this.#frontier = new FrontierReads(slots, this.#reads)
    this.#events = new EventSearch(this.#search, this.#hydration, (...from) => this.slotsFrom(...from))
  }

  async readLogPage(query: LogQuery, signal?: AbortSignal): Promise<LogPage> {
    const readAt = new Date()
    if (query.direction === 'backward') {
      const { slot, position } = await this.#slots.counter(signal)
      return { frontier: position, readAt, ...(await this.#backward(query, slot, signal)) }
    }
    const look = await this.#look(query, signal)
    const page = await this.#forward(query, look, signal)
    // Slots up to this frontier may not be settled yet. A page that ends before such a slot is `full`, and
    // the next page waits. The page may have found events that the look at the end of the log lacked.
    const found = page.through > query.after ? page.through : 0
    return { frontier: Math.max(look.frontier, found), readAt, ...page }
  }

  frontier(signal?: AbortSignal): Promise<Frontier> {
    return this.#frontier.read(signal)
  }

  /** Finds an event whose id the library made at this time, in milliseconds since 1970. See event-search.ts. */
  findEvent(id: string, time: number, signal?: AbortSignal): Promise<RecordedEvent | undefined> {
    return this.#events.find(id, time, signal)
  }

  async #look({ after, mayLag = false }: LogQuery, signal: AbortSignal | undefined): Promise<Look> {
    const [{ slot: start, slots }, counter] = await Promise.all([
      this.#search.after(after, signal),
      mayLag ? undefined : this.#slots.counter(signal),
    ])
    if (counter !== undefined) return { start, end: counter.slot, slots, frontier: counter.position }
    return this.#lookAgain(after, start, slots, signal)
  }

  /**
   * Looks for new slots at the end of the log, at half the price. While events arrive, it reads the next slots: if a slot
   * is there, all slots before it were taken. Otherwise it reads the counter, which also shows taken slots that are missing.
   */
  async #lookAgain(
    after: number,
    start: number,
    slots: readonly Slot[],
    signal: AbortSignal | undefined,
  ): Promise<Look> {
    const next = start + slots.length
    if (this.#isBusy) {
      const found = await this.#reads.read(next, lastOfBlock(blockOf(next)), eventually, signal)
      const last = found.at(-1)
      const frontier = Math.max(after, lastEventIn([...slots, ...found]) ?? 0)
      if (last !== undefined) {
        const settled = await this.#gaps.upToGap(found, next, last.number, signal)
        const look = { start, end: last.number, slots: [...slots, ...settled], frontier }
        const isEndOfBlock = last.number === lastOfBlock(blockOf(next))
        if (!isEndOfBlock || found.length < minSlotsToLookFurther) return look
        const counter = await this.#slots.counter(signal, eventually)
        if (counter.slot <= last.number) return look
        return { ...look, end: counter.slot, frontier: Math.max(frontier, counter.position) }
      }
      this.#isBusy = slots.length > 0
      return { start, end: next - 1, slots, frontier }
    }
    let counter = await this.#slots.counter(signal, eventually)
    if (counter.slot < next - 1) counter = await this.#slots.counter(signal)
    this.#isBusy = counter.slot >= next
    return { start, end: counter.slot, slots, frontier: counter.position }
  }

  async #forward(query: LogQuery, look: Look, signal: AbortSignal | undefined): Promise<PageOfSlots> {
    const { after, until, limit } = query
    const { start, end } = look
    const events: RecordedEvent[] = []
    let bytes = 0
    let through = after
    let blocks = 1
    const readAhead = (slot: number) => {
      const last = Math.min(end, lastOfBlock(blockOf(slot) + blocks - 1))
      blocks = Math.min(maxBlocksAtOnce, blocks * 2)
      const found = slot > end ? Promise.resolve([]) : this.#reads.read(slot, last, eventually, signal)
      // The error is thrown when the loop awaits the slots.
      found.catch(() => {})
      return { last, found }
    }
    let found = look.slots
    let ahead: ReturnType<typeof readAhead> | undefined
    for (let slot = start; slot <= end; ) {
      if (found.length === 0) {
        const { last, found: read } = ahead ?? readAhead(slot)
        ahead = undefined
        found = await this.#gaps.upToGap(await read, slot, last, signal)
      }
      if (found.length === 0) {
        // The events before the gap are returned at once, without waiting for it.
        if (events.length > 0) {
          this.#search.remember(through, { slot, slots: [] })
          return { events, bytes, through, full: true }
        }
        await this.#gaps.settle(slot, signal)
        continue
      }
      const next = slot + found.length
      const isPast = found.some((one) => lastPositionIn(one) >= until)
      const wanted = candidatesOf(found, query)
      const mayFill = wanted.reduce((sum, { run }) => sum + run.count, events.length) >= limit
      if (!isPast && !mayFill) ahead = readAhead(next)
      const room = { forward: true, limit: limit - events.length, maxBytes: maxBytesOfPage - bytes }
      const hydrated = await this.#hydration.read(wanted, room, isWanted(query), signal)
      events.push(...hydrated.events)
      bytes += hydrated.bytes
      if (hydrated.isFull) {
        through = (events.at(-1) as RecordedEvent).position
        const slots = found.slice(found.findIndex((one) => lastPositionIn(one) >= through))
        this.#search.remember(through, { slot: (slots[0] as Slot).number, slots })
        return { events, bytes, through, full: true }
      }
      through = Math.max(through, lastEventIn(found, until) ?? 0)
      if (isPast) {
        this.#rememberEnd(found, through)
        return { events, bytes, through, full: false }
      }
      slot = next
      found = []
      // Only if the page has advanced: otherwise the reader would ask for the same page again and again.
      if (slot - start >= maxSlotsPerPage && slot <= end && through > after) {
        this.#search.remember(through, { slot, slots: [] })
        return { events, bytes, through, full: true }
      }
    }
    this.#search.remember(through, { slot: Math.max(start, end + 1), slots: [] })
    return { events, bytes, through, full: false }
  }

  /** Remembers where the log continues after the last event of a page, unless the page ends within a slot. */
  #rememberEnd(found: readonly Slot[], through: number): void {
    const at = found.findIndex((one) => one.count > 0 && lastPositionIn(one) === through)
    const last = found[at]
    if (last !== undefined)
      this.#search.remember(through, { slot: last.number + 1, slots: found.slice(at + 1) })
  }

  async #backward(query: LogQuery, last: number, signal: AbortSignal | undefined): Promise<PageOfSlots> {
    const { after, until, limit } = query
    const events: RecordedEvent[] = []
    let bytes = 0
    const highest =
      until === Number.MAX_SAFE_INTEGER ? last : await this.#search.lastSlotFor(until, last, signal)
    let through = Number.POSITIVE_INFINITY
    let blocks = 1
    for (let end = highest; end >= 1; ) {
      const start = firstOfBlock(Math.max(0, blockOf(end) - blocks + 1))
      blocks = Math.min(maxBlocksAtOnce, blocks * 2)
      const found = await this.#gaps.settled(start, end, signal)
      const room = { forward: false, limit: limit - events.length, maxBytes: maxBytesOfPage - bytes }
      const wanted = candidatesOf(found, query).reverse()
      const hydrated = await this.#hydration.read(wanted, room, isWanted(query), signal)
      events.push(...hydrated.events)
      bytes += hydrated.bytes
      if (hydrated.isFull) {
        return { events, bytes, through: (events.at(-1) as RecordedEvent).position, full: true }
      }
      through = found.find(({ count }) => count > 0)?.first ?? through
      if (through <= after) break
      end = start - 1
      if (highest - end >= maxSlotsPerPage && through <= until) return { events, bytes, through, full: true }
    }
    return { events, bytes, through: after, full: false }
  }

  /** Waits until all slots are settled that may have an event after the position and were taken before the call. */
  async settleAfter(position: number, signal?: AbortSignal): Promise<void> {
    const { slot } = await this.#search.after(position, signal)
    for await (const _ of this.slotsFrom(slot, signal));
  }

  /** Yields the settled slots from `start` (inclusive) to the last that was taken, some blocks at a time. */
  async *slotsFrom(start: number, signal?: AbortSignal): AsyncGenerator<readonly Slot[]> {
    const { slot: last } = await this.#slots.counter(signal)
    for (let slot = start; slot <= last; ) {
      const end = Math.min(last, lastOfBlock(blockOf(slot) + maxBlocksAtOnce - 1))
      yield await this.#gaps.settled(slot, end, signal)
      slot = end + 1
    }
  }

  /**
   * The position of the last event that is stored, even if slots before it are not settled; 0 if there is
   * none.
   */
  async lastPosition(signal?: AbortSignal): Promise<number> {
    const { slot: last } = await this.#slots.counter(signal)
    let blocks = 1
    for (let end = last; end >= 1; ) {
      const start = firstOfBlock(Math.max(0, blockOf(end) - blocks + 1))
      blocks = Math.min(maxBlocksAtOnce, blocks * 2)
      const found = await this.#reads.read(start, end, { consistent: true }, signal)
      const position = lastEventIn(found)
      if (position !== undefined) return position
      end = start - 1
    }
    return 0
  }

  /**
   * The position before the first event that was recorded at or after the time. If there is none, the last
   * position.
   */
  async positionBefore(time: Date, signal?: AbortSignal): Promise<number> {
    const start = await this.#search.writtenAfter(time.getTime() - clockTolerance, signal)
    let before = 0
    for await (const slots of this.slotsFrom(start, signal)) {
      for (const slot of slots) {
        if (slot.count === 0) continue
        if (slot.recordedAt < time.getTime()) {
          before = lastPositionIn(slot)
          continue
        }
        const room = { forward: true, limit: Number.MAX_SAFE_INTEGER, maxBytes: Number.POSITIVE_INFINITY }
        const { events } = await this.#hydration.read(
          candidatesOf([slot], wholeLog),
          room,
          () => true,
          signal,
        )
        for (const event of events) {
          if (event.recordedAt >= time) return before
          before = event.position
        }
      }
    }
    return before
  }
}

// In milliseconds. An imported event may be a minute ahead of the clock, and the clocks of two machines
// differ by less than another minute.
const clockTolerance = 120_000
