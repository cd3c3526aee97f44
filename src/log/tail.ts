/**
 * Reads the end of the log once for all members that have read everything and wait for more.
 *
 *     a member waits ──▶ pause ──▶ poll ──▶ the members that have new events read them from the segment
 *                          ▲         │
 *                          └─────────┘      as long as a member waits
 *
 * A poll is one read of the log after the segment, with a filter that selects every event that a member wants. The pause is
 * short after an event, grows while no event comes, and ends at once when this process appends. If the storage bills
 * requests, a budget limits the polls a second while events come (`Pace.polls`).
 */
import type { EventFilter } from '../input/event-filter.ts'
import { onAbort } from '../runtime/abort.ts'
import { Budget } from '../runtime/budget.ts'
import type { Clock } from '../runtime/clock.ts'
import type { Wakeup } from '../runtime/wakeup.ts'
import type { LogPage, LogQuery } from '../storage/log-query.ts'
import { wholeLog } from '../storage/log-query.ts'
import type { Rate } from '../storage/pace.ts'
import { unionOf } from './event-selection.ts'
import { Segment, type SegmentQuery } from './segment.ts'
import { SharedCall } from './shared-call.ts'

// All in milliseconds. The pause between two polls doubles from `shortestPause` up to `longestDoubled`. From there on it grows
// slowly: an event then waits for at most about an eighth of the time without events before it. It grows up to the shortest poll
// interval of the members that wait, or to `longestPause`. Two polls begin at least `shortestPause` apart, also under load.
const shortestPause = 5
const longestDoubled = 250
const slowGrowth = 1.125
const longestPause = 60_000
// After failed polls, the pause doubles from `shortestPause` up to this value.
const longestPauseAfterFailure = 250
// A member is woken at most this often if the end of the log moves without an event for the member.
const quietInterval = 50
// For this long, polls still select the events of a member that does not wait, for example because its handler runs.
const memberTime = 5_000

/** Reads a page of the log, from the database. */
export type ReadLogPage = (query: LogQuery, signal?: AbortSignal) => Promise<LogPage>

export interface TailMember extends Pick<SegmentQuery, 'filter' | 'selects'> {
  readonly filter: EventFilter
  /** The longest pause between two polls while this member waits, in milliseconds. */
  readonly pollInterval: number
}

interface Waiter {
  readonly member: TailMember
  readonly through: number
  /** The frontier when it began to wait. */
  readonly frontier: number
  /** When it began to wait, by the clock of the process. */
  readonly since: number
  wake(): void
  fail(error: unknown): void
}

export class Tail {
  readonly #readLogPage: ReadLogPage
  readonly #wakeup: Pick<Wakeup, 'count' | 'wait'>
  readonly #clock: Clock
  readonly #onCut: () => void
  readonly #budget: Budget
  /** The pause between two polls at the average rate of the budget, in milliseconds. */
  readonly #budgetedPause: number
  #segment: Segment | undefined
  /** The members, with the time when each one last used the tail. */
  readonly #members = new Map<TailMember, number>()
  readonly #waiters = new Set<Waiter>()
  /** Aborted when no member waits any more. */
  #loop: AbortController | undefined
  #poll: SharedCall<void> | undefined
  /** The number of failed polls since the last success. */
  #failures = 0
  #pause = shortestPause
  /** The pause that runs now, or ran last. */
  #runningPause = 0
  #pollBegan = Number.NEGATIVE_INFINITY
  #pollEnded = Number.NEGATIVE_INFINITY
  /** The wake-up count when the last poll began: the segment may lack the events of later wake-ups. */
  #wakeups = -1
  /** Whether the next poll must begin without a pause. */
  #isDue = false
  #interruptPause = () => {}

  /** `onCut`: called when a poll shows that the log has lost its end, or that another server answers. */
  constructor(
    readLogPage: ReadLogPage,
    wakeup: Pick<Wakeup, 'count' | 'wait'>,
    clock: Clock,
    polls: Rate,
    onCut: () => void,
  ) {
    this.#budget = new Budget(clock, polls)
    this.#budgetedPause = 1_000 / polls.perSecond
    this.#readLogPage = readLogPage
    this.#wakeup = wakeup
    this.#clock = clock
    this.#onCut = onCut
  }

  /**
   * Returns a page from memory; undefined if the segment does not have it. `server`: the server that the member has read
   * from; undefined if it has read nothing yet, or the storage does not say.
   * @throws the error of a poll, if the segment is too old and the poll fails
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
    const isRecent = page.events.length > 0 || this.#clock.now() - this.#pollEnded <= member.pollInterval
    if (isRecent && this.#failures === 0) return page
    await this.#sharedPoll().join(signal)
    return find()
  }

  /**
   * Notes a page that a member has read from the storage. If the page reached the end of the log, a new segment begins
   * there, unless members use the present one. `began` and `wakeups`: the time and the wake-up count before the read.
   */
  note(page: LogPage, began: number, wakeups: number): void {
    if (began > this.#pollBegan && this.#segment?.isContinuedBy(page) === false) this.#cut()
    if (page.full) return
    this.#forgetIdleMembers()
    if (this.#segment !== undefined && this.#members.size > 0) return
    this.#segment = new Segment(page)
    this.#failures = 0
    this.#pollBegan = began
    this.#pollEnded = this.#clock.now()
    this.#wakeups = wakeups
    this.#pause = shortestPause
  }

  /**
   * Waits until the member should read the events after `through` (exclusive): the log has events for it, or the end of the
   * log has moved, or the member has waited for about its poll interval.
   * @throws the error of a failed poll, or the reason of the signal
   */
  wait(member: TailMember, through: number, signal: AbortSignal): Promise<void> {
    if (signal.aborted) return Promise.reject(signal.reason)
    const segment = this.#segment
    const now = this.#clock.now()
    this.#members.set(member, now)
    // There is no segment if the log has lost its end since the member read it.
    if (segment === undefined || segment.hasEvent(through, member)) return Promise.resolve()
    // The segment begins after `through`, or the last poll did not select the events of this member.
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
      // The pause that runs may be longer than the poll interval of this member.
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
    void this.#pollWhileWaiting(loop.signal).catch(() => {})
  }

  async #pollWhileWaiting(signal: AbortSignal): Promise<void> {
    for (;;) {
      await this.#pauseBeforePoll(signal)
      signal.throwIfAborted()
      // A failed poll rejects all waits, and that ends this loop.
      await this.#sharedPoll().join(signal)
    }
  }

  async #pauseBeforePoll(signal: AbortSignal): Promise<void> {
    for (let isInterrupted = true; isInterrupted; ) {
      isInterrupted = false
      signal.throwIfAborted()
      if (this.#isDue || this.#failures > 0) return
      this.#runningPause = Math.min(this.#pause, this.#shortestPollInterval)
      const left = this.#pollEnded + this.#runningPause - this.#clock.now()
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

  #sharedPoll(): SharedCall<void> {
    if (this.#poll === undefined || this.#poll.isAborted) {
      const poll = new SharedCall<void>((signal) =>
        this.#performPoll(signal).finally(() => {
          if (this.#poll === poll) this.#poll = undefined
        }),
      )
      this.#poll = poll
    }
    return this.#poll
  }

  async #performPoll(signal: AbortSignal): Promise<void> {
    const failed = Math.min(longestPauseAfterFailure, shortestPause * 2 ** Math.min(this.#failures, 10))
    const left = this.#pollBegan + (this.#failures > 0 ? failed : shortestPause) - this.#clock.now()
    const pause = this.#isInBudget ? Math.max(left, this.#budget.timeLeft) : left
    if (pause > 0) await this.#clock.sleep(pause, signal)
    const segment = this.#segment
    if (segment === undefined) return
    segment.setFilter(this.#unionOfMembers())
    this.#wakeBefore(segment.after)
    signal.throwIfAborted()
    const wakeups = this.#wakeup.count
    const isWoken = wakeups !== this.#wakeups
    this.#pollBegan = this.#clock.now()
    this.#budget.spend(1)
    this.#wakeups = wakeups
    this.#isDue = false
    const query = {
      ...wholeLog,
      ...segment.filter,
      after: segment.through,
      limit: segment.eventsToAsk,
      mayLag: true,
    }
    let page: LogPage
    try {
      page = await this.#readLogPage(query, signal)
    } catch (error) {
      if (!signal.aborted) this.#fail(error)
      throw error
    }
    this.#pollEnded = this.#clock.now()
    // All callers have given up this poll, or a member has begun another segment meanwhile.
    if (signal.aborted || this.#segment !== segment) return
    this.#failures = 0
    if (!segment.isContinuedBy(page)) return this.#cut()
    const before = segment.through
    segment.add(page)
    if (page.full) this.#isDue = true
    this.#pause = this.#nextPause(page, isWoken || this.#wakeup.count !== wakeups)
    this.#wakeMembers(segment, before)
  }

  /**
   * Appends of this process wake the reader, so the events that it finds then say nothing of the events to come. Only a
   * woken poll that has not reached the end of the log, because an earlier append is open, is soon repeated.
   */
  #nextPause({ events, through, frontier, head = frontier }: LogPage, isWoken: boolean): number {
    if (isWoken) {
      const isBehind = events.length === 0 || head > through
      return isBehind ? shortestPause : Math.min(this.#pause, quietInterval)
    }
    if (events.length > 0) return shortestPause
    const isShort = this.#pause < longestDoubled
    const longer = isShort ? Math.min(this.#pause * 2, longestDoubled) : this.#pause * slowGrowth
    return Math.min(longer, longestPause)
  }

  /** Whether the budget limits the next poll. False if a member is behind the segment, or has a shorter `pollInterval`. */
  get #isInBudget(): boolean {
    return !this.#isDue && this.#shortestPollInterval >= this.#budgetedPause
  }

  get #shortestPollInterval(): number {
    return Math.min(...[...this.#waiters].map(({ member }) => member.pollInterval))
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

  /** Wakes the members that have new events, and the members that have waited for half of their poll interval. */
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

  /** Rejects all waits with the error of the poll, so that each subscription is in the state 'retrying'. */
  #fail(error: unknown): void {
    this.#failures++
    for (const waiter of [...this.#waiters]) waiter.fail(error)
  }

  /** Drops the segment. Each member then reads from the storage, and checks whether the log still has its last event. */
  #cut(): void {
    this.#segment = undefined
    this.#onCut()
    for (const waiter of [...this.#waiters]) waiter.wake()
  }
}
