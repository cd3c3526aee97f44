/**
 * Reads the end of the log once for all of its members: those that have read everything and wait for more.
 *
 *     a member waits ──▶ pause ──▶ look ──▶ the members that have new events read them from the segment
 *                          ▲         │
 *                          └─────────┘      as long as a member waits
 *
 * A look is one read of the log after the segment, for the union of what the members want. The pause is short after an
 * event, doubles while no event comes, and ends at once when this process appends.
 */
import type { EventFilter } from '../input/event-filter.ts'
import { onAbort } from '../runtime/abort.ts'
import type { Clock } from '../runtime/clock.ts'
import type { Wakeup } from '../runtime/wakeup.ts'
import type { LogPage, LogQuery } from '../storage/log-query.ts'
import { wholeLog } from '../storage/log-query.ts'
import { unionOf } from './event-selection.ts'
import { Segment, type SegmentQuery } from './segment.ts'
import { SharedCall } from './shared-call.ts'

// All in milliseconds. The pause between two looks doubles from the first value up to the shortest poll interval of the
// members that wait, or to the second value. Under load, a look begins at most this often.
const shortestPause = 5
const longestPause = 60_000
// After failed looks, the next one begins after a pause that doubles up to this value.
const longestPauseAfterFailure = 250
// A member that only gets the end of the log moved, and no event, is woken at most this often.
const quietInterval = 50
// The looks keep asking for the events of a member that does not wait, for example because its handler runs.
const memberTime = 5_000

/** Reads a page of the log, from the database. */
export type ReadLogPage = (query: LogQuery, signal?: AbortSignal) => Promise<LogPage>

export interface TailMember extends Pick<SegmentQuery, 'filter' | 'selects'> {
  readonly filter: EventFilter
  /** The longest pause between two looks while this member waits, in milliseconds. */
  readonly pollInterval: number
}

interface Waiter {
  readonly member: TailMember
  readonly through: number
  /** The frontier and the time when it began to wait. */
  readonly frontier: number
  readonly since: number
  wake(): void
  fail(error: unknown): void
}

export class Tail {
  readonly #readLogPage: ReadLogPage
  readonly #wakeup: Pick<Wakeup, 'count' | 'wait'>
  readonly #clock: Clock
  readonly #onCut: () => void
  #segment: Segment | undefined
  /** When each member has used the tail last. */
  readonly #members = new Map<TailMember, number>()
  readonly #waiters = new Set<Waiter>()
  /** Aborted when no member waits any more. */
  #loop: AbortController | undefined
  #look: SharedCall<void> | undefined
  /** How many looks have failed since the last one that succeeded. */
  #failures = 0
  #pause = shortestPause
  /** The pause that runs now, or ran last. */
  #runningPause = 0
  #lookBegan = Number.NEGATIVE_INFINITY
  #lookEnded = Number.NEGATIVE_INFINITY
  /** The wake-up count when the last look began: the segment may lack the events of later wake-ups. */
  #wakeups = -1
  /** Whether the next look should begin without a pause. */
  #isDue = false
  #interruptPause = () => {}

  /** `onCut`: called when the log has lost its end, or another server answers. */
  constructor(
    readLogPage: ReadLogPage,
    wakeup: Pick<Wakeup, 'count' | 'wait'>,
    clock: Clock,
    onCut: () => void,
  ) {
    this.#readLogPage = readLogPage
    this.#wakeup = wakeup
    this.#clock = clock
    this.#onCut = onCut
  }

  /**
   * Returns a page from memory; undefined if the segment does not have it. `server`: the server that the member has read
   * from; undefined if it has read nothing yet, or the storage does not say.
   * @throws the error of the look, if the segment is too old without one
   */
  async read(
    member: TailMember,
    query: Pick<SegmentQuery, 'after' | 'until' | 'limit'> & { readonly server: string | undefined },
    signal: AbortSignal | undefined,
  ): Promise<LogPage | undefined> {
    const { filter, selects } = member
    const find = () => {
      if (query.server !== undefined && query.server !== this.#segment?.server) return undefined
      return this.#segment?.page({ ...query, filter, selects })
    }
    const page = find()
    if (page === undefined) return undefined
    this.#members.set(member, this.#clock.now())
    const isRecent = page.events.length > 0 || this.#clock.now() - this.#lookEnded <= member.pollInterval
    if (isRecent && this.#failures === 0) return page
    await this.#sharedLook().join(signal)
    return find()
  }

  /**
   * Takes note of a page that a member has read for itself. If it ended at the end of the log, the segment begins there,
   * unless members use the present one. `began` and `wakeups`: the time and the wake-up count before the read.
   */
  note(page: LogPage, began: number, wakeups: number): void {
    if (began > this.#lookBegan && this.#segment?.isContinuedBy(page) === false) this.#cut()
    if (page.full) return
    this.#forgetIdleMembers()
    if (this.#segment !== undefined && this.#members.size > 0) return
    this.#segment = new Segment(page)
    this.#failures = 0
    this.#lookBegan = began
    this.#lookEnded = this.#clock.now()
    this.#wakeups = wakeups
    this.#pause = shortestPause
  }

  /**
   * Waits until the member should read after `through`: there are events for it, or the end of the log has moved, or
   * about its poll interval is over.
   * @throws the error of a look that failed, or the reason of the signal
   */
  wait(member: TailMember, through: number, signal: AbortSignal): Promise<void> {
    if (signal.aborted) return Promise.reject(signal.reason)
    const segment = this.#segment
    const now = this.#clock.now()
    this.#members.set(member, now)
    // Without a segment, the log was cut since the member has read it.
    if (segment === undefined || segment.hasEvent(through, member)) return Promise.resolve()
    // This member must read for itself, or wants other events than the last look has asked for.
    if (through < segment.after || !segment.covers(member.filter)) this.#isDue = true
    return new Promise<void>((resolve, reject) => {
      const end = () => {
        this.#waiters.delete(waiter)
        stopListening()
        if (this.#waiters.size > 0) return
        this.#loop?.abort()
        this.#loop = undefined
      }
      const fail = (error: unknown) => {
        end()
        reject(error)
      }
      const wake = () => {
        end()
        resolve()
      }
      const waiter: Waiter = { member, through, frontier: segment.frontier, since: now, wake, fail }
      const stopListening = onAbort(signal, () => fail(signal.reason))
      this.#waiters.add(waiter)
      // The pause may be longer than this member allows.
      if (this.#isDue || member.pollInterval < this.#runningPause) this.#interruptPause()
      if (this.#loop === undefined) this.#startLoop()
    })
  }

  leave(member: TailMember): void {
    this.#members.delete(member)
  }

  #startLoop(): void {
    const loop = new AbortController()
    this.#loop = loop
    void this.#lookWhileWaiting(loop.signal).catch(() => {})
  }

  async #lookWhileWaiting(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await this.#pauseBeforeLook(signal)
      // A failed look has ended all waits, and with them this loop.
      await this.#sharedLook().join(signal)
    }
  }

  async #pauseBeforeLook(signal: AbortSignal): Promise<void> {
    for (let isInterrupted = true; isInterrupted; ) {
      isInterrupted = false
      signal.throwIfAborted()
      if (this.#isDue || this.#failures > 0) return
      const shortest = Math.min(...[...this.#waiters].map(({ member }) => member.pollInterval))
      this.#runningPause = Math.min(this.#pause, shortest)
      const left = this.#lookEnded + this.#runningPause - this.#clock.now()
      if (left <= 0) return
      const pause = new AbortController()
      const unlink = onAbort(signal, () => pause.abort())
      this.#interruptPause = () => {
        isInterrupted = true
        pause.abort()
      }
      await this.#wakeup.wait(left, this.#wakeups, pause.signal).catch(() => {})
      unlink()
    }
  }

  #sharedLook(): SharedCall<void> {
    if (this.#look === undefined || this.#look.isAborted) {
      const look = new SharedCall<void>((signal) =>
        this.#performLook(signal).finally(() => {
          if (this.#look === look) this.#look = undefined
        }),
      )
      this.#look = look
    }
    return this.#look
  }

  async #performLook(signal: AbortSignal): Promise<void> {
    const failed = Math.min(longestPauseAfterFailure, shortestPause * 2 ** Math.min(this.#failures, 10))
    const left = this.#lookBegan + (this.#failures > 0 ? failed : shortestPause) - this.#clock.now()
    if (left > 0) await this.#clock.sleep(left, signal)
    const segment = this.#segment
    if (segment === undefined) return
    segment.setFilter(this.#unionOfMembers())
    this.#wakeBefore(segment.after)
    signal.throwIfAborted()
    const wakeups = this.#wakeup.count
    const isWoken = wakeups !== this.#wakeups
    this.#lookBegan = this.#clock.now()
    this.#wakeups = wakeups
    this.#isDue = false
    const query = { ...wholeLog, ...segment.filter, after: segment.through, limit: segment.eventsToAsk }
    let page: LogPage
    try {
      page = await this.#readLogPage(query, signal)
    } catch (error) {
      if (!signal.aborted) this.#fail(error)
      throw error
    }
    this.#lookEnded = this.#clock.now()
    // Another look has begun after all callers of this one had given up, or a member has begun another segment.
    if (signal.aborted || this.#segment !== segment) return
    this.#failures = 0
    if (!segment.isContinuedBy(page)) return this.#cut()
    const before = segment.through
    segment.add(page)
    if (page.full) this.#isDue = true
    const foundNothing = page.events.length === 0 && !isWoken && this.#wakeup.count === wakeups
    this.#pause = foundNothing ? Math.min(this.#pause * 2, longestPause) : shortestPause
    this.#wakeMembers(segment, before)
  }

  #unionOfMembers(): EventFilter {
    this.#forgetIdleMembers()
    return unionOf([...this.#members.keys()].map(({ filter }) => filter))
  }

  #forgetIdleMembers(): void {
    const oldest = this.#clock.now() - memberTime
    const waiting = new Set([...this.#waiters].map(({ member }) => member))
    for (const [member, usedAt] of this.#members) {
      if (usedAt < oldest && !waiting.has(member)) this.#members.delete(member)
    }
  }

  #wakeBefore(position: number): void {
    for (const waiter of [...this.#waiters]) if (waiter.through < position) waiter.wake()
  }

  /** Wakes the members that have events after the look, and those that have waited for long enough. */
  #wakeMembers(segment: Segment, before: number): void {
    const now = this.#clock.now()
    for (const waiter of [...this.#waiters]) {
      const { member, through, frontier, since } = waiter
      const waited = now - since
      const hasMoved = segment.through > through || segment.frontier > frontier
      if (
        through < segment.after ||
        waited > member.pollInterval / 2 ||
        (hasMoved && (waited >= quietInterval || segment.hasEvent(Math.max(through, before), member)))
      ) {
        waiter.wake()
      }
    }
  }

  /** All members must know of the failure: a subscription shows it in its state. */
  #fail(error: unknown): void {
    this.#failures++
    for (const waiter of [...this.#waiters]) waiter.fail(error)
  }

  /** The members read for themselves, and find out what has happened to the log. */
  #cut(): void {
    this.#segment = undefined
    this.#onCut()
    for (const waiter of [...this.#waiters]) waiter.wake()
  }
}
