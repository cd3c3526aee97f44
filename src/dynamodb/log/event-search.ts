/**
 * Finds an event by the id that the library made for it, which contains the time when it was made (a UUID of version 7). The
 * process that made the id writes the event soon after, so the search reads the slots that were written in the next minutes.
 *
 * The clock of one process made the id and the time of its slot. The clocks of other processes differ from it, so slots with
 * later times may come before. The search first trusts the clocks, which finds nearly every event in a few reads. Then it
 * looks at the slots that clocks with other times may have hidden.
 */
import { type RecordedEvent, wholeLog } from '../../storage/index.ts'
import { candidatesOf } from './candidates.ts'
import type { Hydration } from './hydration.ts'
import type { Slot } from './slot-item.ts'
import type { SlotSearch } from './slot-search.ts'

// All in milliseconds.
/** The clock of a process may be a little earlier when it writes the slot than when it made the id. */
const usualSetBack = 1_000
/** By how much the clock of a process was set back at most: until it has caught up, ids keep the time that it showed before. */
const longestSetBack = 300_000
/** The longest time from the making of an id to the writing of its slot: an append sends several requests, with retries. */
const longestAppend = 300_000
/** How long nearly every append takes at most. */
const usualAppend = 10_000
/** By how much the clocks of two processes differ at most. */
const clockDifference = 120_000

/** Yields the settled slots from `start` (inclusive) to the end of the log. */
type SlotsFrom = (start: number, signal: AbortSignal | undefined) => AsyncGenerator<readonly Slot[]>

/**
 * The slots to read: from the first one that may have been written at `from`, to the first one that was written after `to`.
 * The slots that were written from `earliest` to `latest` may have the event.
 */
interface Stretch {
  readonly from: number
  readonly to: number
  readonly earliest: number
  readonly latest: number
}

export class EventSearch {
  readonly #search: SlotSearch
  readonly #hydration: Hydration
  readonly #slotsFrom: SlotsFrom

  constructor(search: SlotSearch, hydration: Hydration, slotsFrom: SlotsFrom) {
    this.#search = search
    this.#hydration = hydration
    this.#slotsFrom = slotsFrom
  }

  /** `time`: the time in the id, in milliseconds since 1970. */
  async find(id: string, time: number, signal: AbortSignal | undefined): Promise<RecordedEvent | undefined> {
    const usual = { earliest: time - usualSetBack, latest: time + longestAppend }
    const widest = { earliest: time - longestSetBack, latest: time + longestAppend }
    const searched = new Set<number>()
    const stretches: readonly Stretch[] = [
      { from: usual.earliest, to: time + usualAppend, ...usual },
      { from: widest.earliest - clockDifference, to: widest.latest + clockDifference, ...widest },
    ]
    for (const { from, to, earliest, latest } of stretches) {
      const mayHave = ({ number, writtenAt }: Slot) =>
        writtenAt >= earliest && writtenAt <= latest && !searched.has(number)
      const start = await this.#search.writtenAfter(from, signal)
      for await (const slots of this.#slotsFrom(start, signal)) {
        const within = slots.filter(mayHave)
        const event = await this.#findIn(within, id, signal)
        if (event !== undefined) return event
        for (const { number } of within) searched.add(number)
        if (slots.some(({ writtenAt }) => writtenAt > to)) break
      }
    }
    return undefined
  }

  async #findIn(
    slots: readonly Slot[],
    id: string,
    signal: AbortSignal | undefined,
  ): Promise<RecordedEvent | undefined> {
    // Without a limit, it reads many commits at once.
    const room = { forward: true, limit: Number.MAX_SAFE_INTEGER, maxBytes: Number.POSITIVE_INFINITY }
    const isWanted = (event: RecordedEvent) => event.id === id
    const { events } = await this.#hydration.read(candidatesOf(slots, wholeLog), room, isWanted, signal)
    return events[0]
  }
}
