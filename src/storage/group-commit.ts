/**
 * Group commit: appends that are called at the same time share one transaction, each with its own outcome.
 *
 *     append ──▶ waiting ──▶ in a group ──▶ settled
 *                                │             ▲
 *                                ▼             │ retried aside
 *                               busy: another transaction
 *                               holds its stream
 *
 * Two groups run at once. While they run, other appends wait, so groups grow with the load, and a lone append never
 * waits for others. A group that starts takes the waiting appends of its share: half of the streams that wait or are in
 * a running group. If it took all of them, all callers would soon wait for one group and continue at the same time, and
 * the database would be idle while they do. Reads that run meanwhile count too: they keep the database busy.
 *
 * Appends to one stream are made in the order of their calls, unless groups are off (`maxBatch` 1). While another
 * transaction holds a stream, the appends to it pause between retries and keep no connection. So any number of held
 * streams delays only their own appends. (The technique is known from database logs: DeWitt et al., "Implementation
 * Techniques for Main Memory Database Systems", 1984.)
 */
import { hasCode, LockTimeoutError, StoreUnavailableError } from '../errors/index.ts'
import { sleep } from '../runtime/abort.ts'
import { lockPause } from '../runtime/retry.ts'
import { Semaphore } from '../runtime/semaphore.ts'
import { InlineFailure } from './inline-failure.ts'
import type { AppendOutcome, PreparedAppend } from './storage.ts'
import { type Group, noteWait, type PendingAppend, WaitingAppends } from './waiting-appends.ts'

export interface GroupCommitOptions {
  /**
   * Makes one append. If another transaction holds its stream, waits for milliseconds, then returns 'busy'. If
   * `retried`, an earlier attempt may have recorded the events already.
   */
  readonly alone: (
    append: PreparedAppend,
    retried: boolean,
    signal?: AbortSignal,
  ) => Promise<AppendOutcome | Busy>
  /**
   * Makes several appends in one transaction, in their order. Waits for milliseconds at most. The appends to a stream
   * that another transaction holds are 'busy'. If another lock takes too long, the whole group is 'busy', because the
   * storage does not know which of the appends need it. If it rejects with a 'storage-failed' error or an
   * InlineFailure, the queue retries smaller groups, until the append at fault is alone with its error. Any other error
   * rejects all appends of the group.
   */
  readonly together: (
    appends: readonly PreparedAppend[],
    retried: boolean,
  ) => Promise<readonly GroupOutcome[] | Busy>
  /** The largest number of appends in a group. 1: every append is made alone and at once. */
  readonly maxBatch: number
  /**
   * Which of the waiting appends the next group takes. 'share': the appends to its share of the streams, so that two
   * groups run side by side, for the lowest latency. 'all': as many as fit, for the fewest groups, if each group has a
   * price or the storage cannot work on two at once. @default always 'share'
   */
  readonly gather?: () => 'share' | 'all'
  /**
   * Returns how many other calls of the store wait for the database now, such as reads. They keep it busy while the
   * callers of a group continue, so a share is half of the streams and these calls together. @default none
   */
  readonly otherCalls?: (() => number) | undefined
  /**
   * For how long the queue retries a busy append, in milliseconds, from when it began to wait for its stream or for
   * another lock. After that, the append rejects with a LockTimeoutError. @default no limit, for a storage without busy
   * appends
   */
  readonly lockTimeout?: number
  /** How often the queue retries a throttled append. @default 0, for a storage without throttled appends */
  readonly maxThrottled?: number
}

/** Nothing was written, because another transaction holds the stream or a lock. The queue retries after a pause. */
export interface Busy {
  readonly kind: 'busy'
  /** Whether an earlier attempt of the call, whose answer was lost, may have recorded the append or may still do so. */
  readonly mayBeMade?: boolean
}

/**
 * Nothing was written, because of this append's own error. For a storage that knows which append of a group is at
 * fault.
 */
export interface Failed {
  readonly kind: 'failed'
  readonly error: unknown
}

/**
 * Nothing was written, because the database throttles transactions. The queue retries the append after a pause, in a
 * group with the appends that were called meanwhile: the groups become fewer and larger.
 */
export interface Throttled {
  readonly kind: 'throttled'
  /** The error of an append that has been throttled too often. */
  readonly error: Error
}

export type GroupOutcome = AppendOutcome | Busy | Failed | Throttled

/** The appends of a group that are not settled, and must be retried. */
interface Unsettled {
  /** By stream. */
  readonly busy: Map<string, PendingAppend[]>
  /** Appends of calls that were busy as a whole, in their order. */
  readonly locked: readonly PendingAppend[]
  /** In their order. */
  readonly throttled: readonly PendingAppend[]
}

// Two groups run at once: while the database writes one, the other is on its way.
const maxRunningGroups = 2
// A group that runs longer, in milliseconds, waits for a lock or a connection. It moves to a slow slot, if one is free,
// so that the next group can start.
const slowAfter = 50
// The largest number of slow groups that wait at the same time.
const slowSlots = 4
// How many busy streams the queue retries at the same time, at most.
const maxRetrying = 2
// The longest pause before throttled appends are retried, in milliseconds. It doubles up to this value.
const shortestThrottledPause = 25
const longestThrottledPause = 400
// How many parts of locked groups the queue makes at the same time, at most. They have slots of their own: in the slots
// for busy streams, they would wait for retries, although many of their appends need no lock.
const partSlots = 1

/** The queue: gathers appends into groups, and retries busy ones aside. */
export class GroupCommit {
  readonly #options: GroupCommitOptions
  readonly #waiting = new WaitingAppends()
  /** How many streams the groups in running slots have, without slow groups and appends that are retried aside. */
  #runningStreams = 0
  #freeSlots = maxRunningGroups
  readonly #slowSlots = new Semaphore(slowSlots)
  readonly #retrySlots = new Semaphore(maxRetrying)
  readonly #partSlots = new Semaphore(partSlots)
  #isScheduled = false

  constructor(options: GroupCommitOptions) {
    this.#options = options
  }

  /** Makes an append, alone or in a group. */
  append(append: PreparedAppend, signal?: AbortSignal): Promise<AppendOutcome> {
    return new Promise((resolve, reject) => {
      const pending = {
        append,
        size: sizeOf(append),
        signal,
        resolve,
        reject,
        waitsSince: undefined,
        mayBeMade: false,
        timesThrottled: 0,
      }
      if (this.#options.maxBatch === 1) {
        this.#makeAtOnce(pending)
        return
      }
      this.#waiting.add(pending)
      this.#schedule()
    })
  }

  async #makeAtOnce(pending: PendingAppend): Promise<void> {
    if (!(await this.#settleAlone(pending, false))) await this.#settleBusy([pending])
  }

  /**
   * Starts groups later, so that calls of the same turn share a group, and so do callers that continue when a group is
   * settled. A caller needs many microtasks to reach its next append. So 'share' waits until they have run: otherwise an
   * append that waits already would start a small group without these callers. 'all' waits for one microtask only: the
   * embedded database, which uses 'all', may keep the microtasks busy while it has work.
   */
  #schedule(): void {
    if (this.#isScheduled || this.#freeSlots === 0 || this.#waiting.streamCount === 0) return
    this.#isScheduled = true
    const start = () => {
      this.#isScheduled = false
      while (this.#freeSlots > 0) {
        const group = this.#nextGroup()
        if (group.appends.length === 0) return
        this.#start(group)
      }
    }
    if (this.#gathersAll()) queueMicrotask(start)
    else process.nextTick(start)
  }

  /**
   * Takes the next group from the waiting appends. The share is counted in streams, because a stream is in one group at
   * a time. A share of appends would leave some appends of a hot stream behind, for another transaction.
   */
  #nextGroup(): Group {
    const { maxBatch, otherCalls } = this.#options
    const streams = this.#waiting.streamCount + this.#runningStreams
    const share = Math.ceil((streams + (otherCalls?.() ?? 0)) / maxRunningGroups)
    return this.#waiting.take(this.#gathersAll() ? streams : share, maxBatch)
  }

  #gathersAll(): boolean {
    return this.#options.gather?.() === 'all'
  }

  async #start({ appends, streamIds }: Group): Promise<void> {
    this.#freeSlots--
    this.#runningStreams += streamIds.length
    const leaveSlot = () => {
      this.#freeSlots++
      this.#runningStreams -= streamIds.length
    }
    let isSlow = false
    const timer = setTimeout(() => {
      if (!this.#slowSlots.tryAcquire()) return
      isSlow = true
      leaveSlot()
      this.#schedule()
    }, slowAfter)
    const { busy, locked, throttled } = await this.#settle(appends, false)
    clearTimeout(timer)
    const unsettled = streamsOf([...locked, ...throttled])
    this.#waiting.release(streamIds.filter((id) => !busy.has(id) && !unsettled.has(id)))
    for (const pendings of busy.values()) this.#settleBusy(pendings)
    if (locked.length > 0) this.#settleLocked(locked)
    if (throttled.length > 0) {
      // The group still counts as running during the pause: another group would only be throttled, too.
      await sleep(throttledPause(throttled))
      this.#waiting.putBack(throttled)
    }
    if (isSlow) this.#slowSlots.release()
    else leaveSlot()
    this.#schedule()
  }

  /** Makes the appends and settles their promises, except for the ones that it returns. Never rejects. */
  async #settle(group: readonly PendingAppend[], retried: boolean): Promise<Unsettled> {
    const busy = new Map<string, PendingAppend[]>()
    const [first] = group
    if (group.length === 1 && first !== undefined) {
      if (!(await this.#settleAlone(first, retried))) addTo(busy, first)
      return { busy, locked: [], throttled: [] }
    }
    try {
      const appends = group.map(({ append }) => append)
      const outcomes = await this.#options.together(appends, retried)
      if ('kind' in outcomes) return { busy, locked: group, throttled: [] }
      const throttled: PendingAppend[] = []
      for (const [index, pending] of group.entries()) {
        const outcome = outcomes[index] as GroupOutcome
        if (settled(pending, outcome, this.#options.maxThrottled)) continue
        if (outcome.kind === 'throttled') throttled.push(pending)
        else addTo(busy, pending)
      }
      return { busy, locked: [], throttled }
    } catch (error) {
      if (!isOneAtFault(error)) {
        for (const { reject } of group) reject(error)
        return { busy, locked: [], throttled: [] }
      }
      return this.#settleInHalves(group)
    }
  }

  async #settleInHalves(group: readonly PendingAppend[]): Promise<Unsettled> {
    const middle = group.length >> 1
    const first = await this.#settle(group.slice(0, middle), true)
    // Throttled appends of a half are made in parts, like locked ones.
    const locked = [...first.locked, ...first.throttled]
    const lockedStreams = streamsOf(locked)
    const rest: PendingAppend[] = []
    for (const pending of group.slice(middle)) {
      // An earlier append to this stream is not made yet, so this one must follow it.
      if (first.busy.has(pending.append.streamId)) addTo(first.busy, pending)
      else if (lockedStreams.has(pending.append.streamId)) locked.push(pending)
      else rest.push(pending)
    }
    if (rest.length === 0) return { busy: first.busy, locked, throttled: [] }
    const second = await this.#settle(rest, true)
    const lockedRest = [...second.locked, ...second.throttled]
    return {
      busy: new Map([...first.busy, ...second.busy]),
      locked: [...locked, ...lockedRest],
      throttled: [],
    }
  }

  /**
   * Makes the appends of a group that has waited too long for a lock. The group is made in parts. A part that waits too
   * long again is divided further, until an append that needs the lock is alone; the others are made without it. After a
   * success, the next part is larger, because a lone append waits in line as long as a group. With small parts, the
   * store would fall behind other processes that want the same lock, as of a document that every append changes.
   */
  async #settleLocked(group: readonly PendingAppend[]): Promise<void> {
    const streams = streamsOf(group)
    for (const pending of group) noteWait(pending)
    let left = group
    for (let size = smaller(group.length); left.length > 0; ) {
      const part = left.slice(0, size)
      const { busy, locked, throttled } = await this.#partSlots.run(() => this.#settle(part, true))
      if (throttled.length > 0) await sleep(throttledPause(throttled))
      const rest: PendingAppend[] = []
      for (const pending of [...locked, ...throttled, ...left.slice(size)]) {
        // An earlier append to this stream is busy and not made yet, so this one must follow it.
        if (busy.has(pending.append.streamId)) addTo(busy, pending)
        else rest.push(pending)
      }
      left = this.#stillWanted(rest)
      size = locked.length > 0 || busy.size > 0 ? smaller(size) : size * 2
      for (const [streamId, pendings] of busy) {
        streams.delete(streamId)
        this.#settleBusy(pendings)
      }
      const leftStreams = streamsOf(left)
      const done = [...streams].filter((streamId) => !leftStreams.has(streamId))
      for (const streamId of done) streams.delete(streamId)
      this.#waiting.release(done)
      this.#schedule()
    }
  }

  /** Makes an append alone and settles its promise. Returns false if the append is busy. */
  async #settleAlone(pending: PendingAppend, retried: boolean): Promise<boolean> {
    try {
      return settled(pending, await this.#options.alone(pending.append, retried, pending.signal))
    } catch (error) {
      pending.reject(error)
      return true
    }
  }

  /**
   * Retries the appends to one busy stream, in their order, until the other transaction has released the stream, or
   * `lockTimeout` has passed.
   */
  async #settleBusy(pendings: readonly PendingAppend[]): Promise<void> {
    for (const pending of pendings) noteWait(pending)
    let left = pendings
    for (let retries = 1; ; retries++) {
      const before = left.length
      left = await this.#retrySlots.run(() => this.#retryBusy(left))
      // The stream was free for a moment, and may be again soon.
      if (left.length < before) retries = 1
      left = this.#stillWanted(left)
      const [first] = left
      if (first === undefined) break
      await sleep(Math.min(lockPause(retries), this.#endOf(first) - performance.now()))
    }
    this.#waiting.release(streamsOf(pendings))
    this.#schedule()
  }

  /** Rejects the appends that were aborted, or have waited for as long as they may. Returns the others. */
  #stillWanted(pendings: readonly PendingAppend[]): readonly PendingAppend[] {
    const now = performance.now()
    return pendings.filter((pending) => {
      const { signal, reject } = pending
      const isLate = this.#endOf(pending) <= now
      if (signal?.aborted) reject(signal.reason)
      else if (isLate) reject(this.#lateError(pending))
      return !signal?.aborted && !isLate
    })
  }

  #lateError({ mayBeMade }: PendingAppend): Error {
    const error = new LockTimeoutError('Appending', this.#options.lockTimeout ?? 0)
    return mayBeMade ? new StoreUnavailableError('Appending', 1, error) : error
  }

  /** When the append has waited for as long as it may. */
  #endOf({ waitsSince = performance.now() }: PendingAppend): number {
    return waitsSince + (this.#options.lockTimeout ?? Number.POSITIVE_INFINITY)
  }

  /**
   * Makes the appends to one stream. Returns the appends whose stream is still busy. The first append is made alone: it
   * waits for milliseconds in the database's queue for the stream, so that other processes do not always come first.
   */
  async #retryBusy(pendings: readonly PendingAppend[]): Promise<readonly PendingAppend[]> {
    const [first, ...group] = pendings.filter(({ signal, reject }) => {
      if (signal?.aborted) reject(signal.reason)
      return !signal?.aborted
    })
    if (first === undefined) return []
    if (!(await this.#settleAlone(first, true))) return [first, ...group]
    if (group.length === 0) return []
    try {
      const outcomes = await this.#options.together(
        group.map(({ append }) => append),
        true,
      )
      if ('kind' in outcomes) return group
      return group.filter((pending, index) => !settled(pending, outcomes[index] as GroupOutcome))
    } catch (error) {
      if (!isOneAtFault(error)) {
        for (const { reject } of group) reject(error)
        return []
      }
      // Makes each append alone, so that only the one at fault gets the error.
      const left: PendingAppend[] = []
      for (const pending of group) {
        if (left.length > 0 || !(await this.#settleAlone(pending, true))) left.push(pending)
      }
      return left
    }
  }
}

/** The size of the next part of a group, after one that was busy. */
const smaller = (size: number) => Math.max(1, size >> 2)

/** A random pause (full jitter), longer for appends that were throttled more often. In milliseconds. */
function throttledPause(throttled: readonly PendingAppend[]): number {
  const times = Math.max(...throttled.map(({ timesThrottled }) => timesThrottled))
  return Math.random() * Math.min(longestThrottledPause, shortestThrottledPause * 2 ** times)
}

const streamsOf = (pendings: readonly PendingAppend[]) =>
  new Set(pendings.map(({ append }) => append.streamId))

/** Settles the promise of an append. Returns false if the append is busy or throttled, and must be retried. */
function settled(pending: PendingAppend, outcome: GroupOutcome, maxThrottled = 0): boolean {
  if (outcome.kind === 'throttled') {
    if (pending.timesThrottled++ < maxThrottled) return false
    pending.reject(new StoreUnavailableError('Appending', maxThrottled, outcome.error))
    return true
  }
  if (outcome.kind === 'busy') {
    pending.mayBeMade ||= outcome.mayBeMade === true
    return false
  }
  if (outcome.kind === 'failed') pending.reject(outcome.error)
  else pending.resolve(outcome)
  return true
}

/** Whether a single append of a group may have caused the error of the whole group. */
function isOneAtFault(error: unknown): boolean {
  return hasCode(error, 'storage-failed') || error instanceof InlineFailure
}

function addTo(byStream: Map<string, PendingAppend[]>, pending: PendingAppend): void {
  const { streamId } = pending.append
  const own = byStream.get(streamId)
  if (own === undefined) byStream.set(streamId, [pending])
  else own.push(pending)
}

function sizeOf({ events }: PreparedAppend): number {
  let size = 0
  for (const { data, metadata } of events) size += data.length + metadata.length
  return size
}
