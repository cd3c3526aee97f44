/**
 * Reads the log, slot after slot. A reader waits for a slot that was taken and is missing, and seals it after
 * `gapTimeout`: then no event can appear there any more. The timeout decides when readers continue, never
 * whether they miss an event. No clock of another machine counts.
 */
import { type LogPage, type LogQuery, type RecordedEvent, sleep, wholeLog } from '../storage/index.ts'
import type { Item } from './attributes.ts'
import { candidatesOf, isWanted } from './candidates.ts'
import type { Connection } from './connection.ts'
import { Hydration } from './hydration.ts'
import {
  blockOf,
  blockPartition,
  digits,
  lastPositionOf,
  positionOf,
  range,
  slotOf,
  slotsPerBlock,
  type Tables,
} from './keys.ts'
import { type Slot, type Slots, slotOfItem } from './slots.ts'

// A page ends after so many slots, even if few or none of their events are wanted.
const maxSlotsPerPage = 64 * slotsPerBlock
const shortestPoll = 2
const longestPoll = 50

type PageOfSlots = Omit<LogPage, 'frontier' | 'readAt'>

export class Log {
  readonly #connection: Connection
  readonly #table: string
  readonly #slots: Slots
  readonly #hydration: Hydration
  readonly #gapTimeout: number
  /** When this process first saw each missing slot as missing, by its own monotonic clock. */
  readonly #missingSince = new Map<number, number>()
  /**
   * There is no event after this position and before this slot. So a follower does not read sealed slots
   * again.
   */
  #emptyRange = { position: 0, slot: 1 }

  /** All slots up to here (inclusive) are settled, as far as this process knows. */
  #settledUpTo = 0

  constructor(connection: Connection, tables: Tables, slots: Slots, gapTimeout: number) {
    this.#connection = connection
    this.#table = tables.log
    this.#slots = slots
    this.#hydration = new Hydration(connection, tables)
    this.#gapTimeout = gapTimeout
  }

  async readLogPage(query: LogQuery, signal?: AbortSignal): Promise<LogPage> {
    const readAt = new Date()
    const { last } = await this.#slots.counter(signal)
    // Slots up to this frontier may not be settled yet. A page that ends before such a slot is `full`, and
    // the next page waits.
    const frontier = lastPositionOf(last)
    const page =
      query.direction === 'forward' ? this.#forward(query, last, signal) : this.#backward(query, last, signal)
    return { frontier, readAt, ...(await page) }
  }

  async #forward(query: LogQuery, last: number, signal: AbortSignal | undefined): Promise<PageOfSlots> {
    const { after, until, limit } = query
    const end = Math.min(last, slotOf(until))
    const events: RecordedEvent[] = []
    let bytes = 0
    let through = after
    const known = this.#emptyRange
    const start = known.position === after ? known.slot : Math.max(1, slotOf(after))
    let ahead = this.#readAhead(start, end, signal)
    for (let slot = start; slot <= end; ) {
      const blockEnd = Math.min(end, lastOfBlock(slot))
      let found = await ahead
      const gap = firstMissing(found, slot)
      this.#noteMissing(found, gap, blockEnd)
      if (gap <= blockEnd) {
        // The events before the gap are returned at once, without waiting for it.
        if (gap === slot && events.length > 0) return { events, bytes, through, full: true }
        if (gap === slot) {
          await this.#settle(slot, signal)
          ahead = this.#readAhead(slot, end, signal)
          continue
        }
        found = found.filter(({ number }) => number < gap)
      }
      const next = Math.min(gap, blockEnd + 1)
      ahead = this.#readAhead(next, end, signal)
      const wanted = candidatesOf(found, query)
      const hydrated = await this.#hydration.read(
        wanted,
        { forward: true, limit: limit - events.length },
        isWanted(query),
        signal,
      )
      events.push(...hydrated.events)
      bytes += hydrated.bytes
      if (events.length >= limit)
        return { events, bytes, through: (events.at(-1) as RecordedEvent).position, full: true }
      through = Math.max(through, Math.min(until, lastEventOf(found) ?? 0))
      this.#noteSettled(slot, next - 1)
      slot = next
      // Only if the page has advanced: otherwise the reader would ask for the same page again and again.
      if (slot - start >= maxSlotsPerPage && slot <= end && through > after) {
        return { events, bytes, through, full: true }
      }
    }
    if (end === last && until >= lastPositionOf(last)) this.#emptyRange = { position: through, slot: end + 1 }
    return { events, bytes, through, full: false }
  }

  async #backward(query: LogQuery, last: number, signal: AbortSignal | undefined): Promise<PageOfSlots> {
    const { after, until, limit } = query
    const events: RecordedEvent[] = []
    let bytes = 0
    const lowest = Math.max(1, slotOf(after))
    const highest = Math.min(last, slotOf(until))
    let through = Number.POSITIVE_INFINITY
    for (let end = highest; end >= lowest; ) {
      const start = Math.max(lowest, blockOf(end) * slotsPerBlock)
      const found = await this.#settled(start, end, signal)
      const wanted = candidatesOf(found, query).reverse()
      const hydrated = await this.#hydration.read(
        wanted,
        { forward: false, limit: limit - events.length },
        isWanted(query),
        signal,
      )
      events.push(...hydrated.events)
      bytes += hydrated.bytes
      if (events.length >= limit)
        return { events, bytes, through: (events.at(-1) as RecordedEvent).position, full: true }
      end = start - 1
      through = firstEventOf(found) ?? through
      if (highest - end >= maxSlotsPerPage && end >= lowest && through < Number.POSITIVE_INFINITY) {
        return { events, bytes, through, full: true }
      }
    }
    return { events, bytes, through: after, full: false }
  }

  /** Returns all slots of a range within one block, once all of them are settled. */
  async #settled(start: number, end: number, signal: AbortSignal | undefined): Promise<readonly Slot[]> {
    for (;;) {
      const found = await this.#read(start, end, signal)
      const gap = firstMissing(found, start)
      if (gap > end) {
        this.#noteSettled(start, end)
        return found
      }
      this.#noteMissing(found, gap, end)
      await this.#settle(gap, signal)
    }
  }

  /** Waits until all slots are settled, up to the last that was taken. */
  async settleAll(signal?: AbortSignal): Promise<void> {
    for await (const _ of this.slotsFrom(this.#settledUpTo + 1, signal));
  }

  /** Yields the settled slots from `start` (inclusive) to the last that was taken, block by block. */
  async *slotsFrom(start: number, signal?: AbortSignal): AsyncGenerator<readonly Slot[]> {
    const { last } = await this.#slots.counter(signal)
    for (let slot = start; slot <= last; slot = lastOfBlock(slot) + 1) {
      const end = Math.min(last, lastOfBlock(slot))
      yield await this.#settled(slot, end, signal)
    }
  }

  #noteSettled(start: number, end: number): void {
    if (this.#missingSince.size > 0) {
      for (let slot = start; slot <= end; slot++) this.#missingSince.delete(slot)
    }
    if (start <= this.#settledUpTo + 1) this.#settledUpTo = Math.max(this.#settledUpTo, end)
  }

  /** Starts the timeout of all missing slots at once, so that it does not run for one after the other. */
  #noteMissing(found: readonly Slot[], start: number, end: number): void {
    if (start > end) return
    const there = new Set(found.map(({ number }) => number))
    const now = performance.now()
    for (let slot = start; slot <= end; slot++) {
      if (!there.has(slot) && !this.#missingSince.has(slot)) this.#missingSince.set(slot, now)
    }
  }

  /** Resolves once a slot that was taken is used or sealed. Seals it after `gapTimeout`. */
  async #settle(slot: number, signal: AbortSignal | undefined): Promise<void> {
    const since = this.#missingSince.get(slot) ?? performance.now()
    this.#missingSince.set(slot, since)
    for (
      let poll = shortestPoll;
      performance.now() - since < this.#gapTimeout;
      poll = Math.min(poll * 2, longestPoll)
    ) {
      await sleep(poll, signal)
      if ((await this.#read(slot, slot, signal)).length === 0) continue
      this.#missingSince.delete(slot)
      return
    }
    const subject = { doing: '', table: this.#table, key: blockPartition(blockOf(slot)) }
    if (await this.#slots.seal(slot, signal)) {
      this.#connection.report('seal', subject, `slot ${slot} was not used in ${this.#gapTimeout} ms`, 1)
    }
    this.#missingSince.delete(slot)
  }

  /** Begins to read the slots up to the end of a block, while the caller works on the slots before them. */
  #readAhead(slot: number, end: number, signal: AbortSignal | undefined): Promise<readonly Slot[]> {
    const found =
      slot > end ? Promise.resolve([]) : this.#read(slot, Math.min(end, lastOfBlock(slot)), signal)
    // The error is thrown when the caller awaits the slots.
    found.catch(() => {})
    return found
  }

  /** Reads the slots of a range within one block, without the missing ones. */
  async #read(start: number, end: number, signal: AbortSignal | undefined): Promise<readonly Slot[]> {
    const partition = blockPartition(blockOf(start))
    const subject = { doing: 'Reading the log', table: this.#table, key: partition }
    const input = {
      KeyConditionExpression: 'p = :p AND s BETWEEN :from AND :to',
      ExpressionAttributeValues: range(partition, digits(start), digits(end)),
    }
    return (await this.#connection.queryAll(subject, input, signal)).map((item: Item) => slotOfItem(item))
  }

  /**
   * The position of the last event that is stored, even if slots before it are not settled; 0 if there is
   * none.
   */
  async lastPosition(signal?: AbortSignal): Promise<number> {
    const { last } = await this.#slots.counter(signal)
    for (let end = last; end >= 1; end = blockOf(end) * slotsPerBlock - 1) {
      const found = await this.#read(Math.max(1, blockOf(end) * slotsPerBlock), end, signal)
      const position = lastEventOf(found)
      if (position !== undefined) return position
    }
    return 0
  }

  /**
   * The position before the first event that was recorded at or after the time. If there is none, the last
   * position.
   */
  async positionBefore(time: Date, signal?: AbortSignal): Promise<number> {
    const { last } = await this.#slots.counter(signal)
    if (last === 0) return 0
    let before = 0
    const from = await this.#firstBlockWrittenAfter(time.getTime() - clockTolerance, last, signal)
    if (from > 0) before = (await this.#lastEventBefore(from * slotsPerBlock, signal)) ?? 0
    for (let block = from; block <= blockOf(last); block++) {
      const start = Math.max(1, block * slotsPerBlock)
      const found = await this.#settled(start, Math.min(last, lastOfBlock(start)), signal)
      for (const slot of found) {
        if (slot.count === 0) continue
        if (slot.recordedAt < time.getTime()) {
          before = positionOf(slot.number, slot.count - 1)
          continue
        }
        const { events } = await this.#hydration.read(
          candidatesOf([slot], wholeLog),
          { forward: true, limit: Number.MAX_SAFE_INTEGER },
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

  async #lastEventBefore(slot: number, signal: AbortSignal | undefined): Promise<number | undefined> {
    for (let end = slot - 1; end >= 1; end = blockOf(end) * slotsPerBlock - 1) {
      const found = await this.#settled(Math.max(1, blockOf(end) * slotsPerBlock), end, signal)
      const position = lastEventOf(found)
      if (position !== undefined) return position
    }
    return undefined
  }

  /**
   * Finds the block by binary search: slots are written roughly in their order. An event is not written
   * before the time that it was recorded at, except for the difference between the clocks of two machines.
   */
  async #firstBlockWrittenAfter(
    time: number,
    last: number,
    signal: AbortSignal | undefined,
  ): Promise<number> {
    let [low, high] = [0, blockOf(last)]
    while (low < high) {
      const middle = (low + high) >> 1
      const start = Math.max(1, middle * slotsPerBlock)
      const found = await this.#read(start, Math.min(last, lastOfBlock(start)), signal)
      const writtenAt = found.findLast(({ count }) => count > 0)?.writtenAt
      if (writtenAt !== undefined && writtenAt < time) low = middle + 1
      else high = middle
    }
    return low
  }
}

// In milliseconds. An imported event may be a minute ahead of the clock, and the clocks of two machines
// differ by less than another minute.
const clockTolerance = 120_000

const lastOfBlock = (slot: number) => (blockOf(slot) + 1) * slotsPerBlock - 1

/** The first missing slot from `start` on. */
function firstMissing(found: readonly Slot[], start: number): number {
  let expected = start
  for (const { number } of found) {
    if (number !== expected) break
    expected++
  }
  return expected
}

function firstEventOf(found: readonly Slot[]): number | undefined {
  const slot = found.find(({ count }) => count > 0)
  return slot && positionOf(slot.number, 0)
}

function lastEventOf(found: readonly Slot[]): number | undefined {
  const slot = found.findLast(({ count }) => count > 0)
  return slot && positionOf(slot.number, slot.count - 1)
}
