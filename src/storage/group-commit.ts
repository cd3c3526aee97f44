/**
 * Group commit: appends that are called at the same time share one transaction, each with its own outcome.
 *
 *     append ──▶ waiting ──▶ in a group ──▶ settled
 *                 │   ▲          │             ▲
 *                 ▼   │          ▼             │ alone
 *        a running group        busy: another transaction
 *        has its stream         holds its stream
 *
 * While a group is running, the next one collects appends, so groups grow with the load, and a lone append never waits for
 * others. Appends to one stream are made in the order of their calls. (The technique is known from database logs: DeWitt et
 * al., "Implementation Techniques for Main Memory Database Systems", 1984.)
 */
import { hasCode } from '../errors/index.ts'
import { sleep } from '../runtime/abort.ts'
import { InlineFailure } from './inline-failure.ts'
import type { AppendOutcome, PreparedAppend } from './storage.ts'

export interface GroupCommitOptions {
  /**
   * Makes one append, and waits for the transaction that holds its stream. If `retried`, an earlier try may have recorded
   * the events already.
   */
  readonly alone: (append: PreparedAppend, retried: boolean, signal?: AbortSignal) => Promise<AppendOutcome>
  /**
   * Makes several appends in one transaction, in their order. It never waits for another transaction: an append that would
   * have to is 'busy'. If it rejects with a 'storage-failed' error or an InlineFailure, the group is halved and each half
   * made again, until the append at fault is alone with its error. Any other error rejects all appends of the group.
   */
  readonly together: (
    appends: readonly PreparedAppend[],
    retried: boolean,
  ) => Promise<readonly GroupOutcome[]>
  /** The largest number of appends in a group. 1: every append is made alone and at once. */
  readonly maxBatch: number
}

/** Nothing was written, because another transaction holds the stream. The append is made again, alone. */
export interface Busy {
  readonly kind: 'busy'
}

/** Nothing was written, because of this append's own error. For a storage that knows which append of a group is at fault. */
export interface Failed {
  readonly kind: 'failed'
  readonly error: unknown
}

type GroupOutcome = AppendOutcome | Busy | Failed

interface PendingAppend {
  readonly append: PreparedAppend
  /** In characters of JSON. */
  readonly size: number
  readonly signal: AbortSignal | undefined
  readonly resolve: (outcome: AppendOutcome) => void
  readonly reject: (error: unknown) => void
}

// A group that would exceed this size, in characters of JSON, takes no further append.
const maxGroupSize = 1_048_576
// Two groups run at once: while the database writes one, the other is on its way.
const maxRunningGroups = 2
// A group that runs longer, in milliseconds, waits for a lock or a connection. It moves to a slow slot, if one is free, so
// that the next group can start.
const slowAfter = 50
// The largest number of slow groups that wait at the same time.
const slowSlots = 4
// While so many groups are slow, a lone append does not wait for a stream that another transaction holds: it may be busy.
const maxLoneWaits = 2
// The largest number of busy streams whose appends wait in line for the stream, and so hold a connection. The appends to
// all other busy streams try again after a pause, so that any number of held streams keeps only its own appends waiting.
const busySlots = 2
// The largest number of such tries at the same time.
const trySlots = 2
// In milliseconds. The pause between two tries for a stream doubles from the first value up to the second.
const shortestPause = 10
const longestPause = 250

export class GroupCommit {
  readonly #options: GroupCommitOptions
  /** In the order in which they must be made. */
  #waiting: PendingAppend[] = []
  /** The streams of running groups, each with the appends that wait for it, in the order of their calls. */
  readonly #streams = new Map<string, PendingAppend[]>()
  #freeSlots = maxRunningGroups
  readonly #slowSlots = new Semaphore(slowSlots)
  readonly #busySlots = new Semaphore(busySlots)
  readonly #trySlots = new Semaphore(trySlots)
  #isScheduled = false

  constructor(options: GroupCommitOptions) {
    this.#options = options
  }

  /** Makes an append, alone or in a group. */
  append(append: PreparedAppend, signal?: AbortSignal): Promise<AppendOutcome> {
    if (this.#options.maxBatch === 1) return this.#options.alone(append, false, signal)
    return new Promise((resolve, reject) => {
      this.#waiting.push({ append, size: sizeOf(append), signal, resolve, reject })
      this.#schedule()
    })
  }

  /**
   * Starts groups in the next microtask, so that calls of the same turn share a group, and so do callers that continue when
   * a group is settled. A macrotask would be too late: an embedded database keeps the event loop busy while it has work.
   */
  #schedule(): void {
    if (this.#isScheduled || this.#freeSlots === 0 || this.#waiting.length === 0) return
    this.#isScheduled = true
    queueMicrotask(() => {
      this.#isScheduled = false
      while (this.#freeSlots > 0) {
        const group = this.#nextGroup()
        if (group.length === 0) return
        this.#start(group)
      }
    })
  }

  /** Takes the next group from the waiting appends. An append whose stream is in a running group waits for that stream. */
  #nextGroup(): readonly PendingAppend[] {
    const group: PendingAppend[] = []
    let size = 0
    let taken = 0
    for (const pending of this.#waiting) {
      if (group.length === this.#options.maxBatch) break
      const queue = this.#streams.get(pending.append.streamId)
      if (pending.signal?.aborted) pending.reject(pending.signal.reason)
      else if (queue !== undefined) queue.push(pending)
      else if (group.length > 0 && size + pending.size > maxGroupSize) break
      else {
        group.push(pending)
        size += pending.size
      }
      taken++
    }
    this.#waiting = this.#waiting.slice(taken)
    for (const { append } of group) this.#streams.set(append.streamId, [])
    return group
  }

  async #start(group: readonly PendingAppend[]): Promise<void> {
    this.#freeSlots--
    let isSlow = false
    const timer = setTimeout(() => {
      if (!this.#slowSlots.tryAcquire()) return
      isSlow = true
      this.#freeSlots++
      this.#schedule()
    }, slowAfter)
    const busy = await this.#settle(group, false)
    clearTimeout(timer)
    this.#releaseStreams(group.filter(({ append }) => !busy.has(append.streamId)))
    for (const pendings of busy.values()) this.#settleBusy(pendings)
    if (isSlow) this.#slowSlots.release()
    else this.#freeSlots++
    this.#schedule()
  }

  /** Makes the appends and settles their promises, except for busy ones, which it returns by stream. Never rejects. */
  async #settle(group: readonly PendingAppend[], retried: boolean): Promise<Map<string, PendingAppend[]>> {
    const busy = new Map<string, PendingAppend[]>()
    const [first] = group
    const mayWait = retried || slowSlots - this.#slowSlots.free < maxLoneWaits
    if (group.length === 1 && first !== undefined && mayWait) {
      await this.#settleAlone(first, retried)
      return busy
    }
    try {
      const appends = group.map(({ append }) => append)
      const outcomes = await this.#options.together(appends, retried)
      for (const [index, pending] of group.entries()) {
        if (!settled(pending, outcomes[index] as GroupOutcome)) addTo(busy, pending)
      }
      return busy
    } catch (error) {
      if (!isOneAtFault(error)) {
        for (const { reject } of group) reject(error)
        return busy
      }
      if (first !== undefined && group.length === 1) {
        await this.#settleAlone(first, true)
        return busy
      }
      return this.#settleInHalves(group)
    }
  }

  async #settleInHalves(group: readonly PendingAppend[]): Promise<Map<string, PendingAppend[]>> {
    const middle = group.length >> 1
    const busy = await this.#settle(group.slice(0, middle), true)
    const rest: PendingAppend[] = []
    for (const pending of group.slice(middle)) {
      // An earlier append to this stream is busy and not made yet, so this one must follow it.
      if (busy.has(pending.append.streamId)) addTo(busy, pending)
      else rest.push(pending)
    }
    if (rest.length === 0) return busy
    return new Map([...busy, ...(await this.#settle(rest, true))])
  }

  async #settleAlone({ append, signal, resolve, reject }: PendingAppend, retried: boolean): Promise<void> {
    await this.#options.alone(append, retried, signal).then(resolve, reject)
  }

  /** Makes the appends to one busy stream, one after another, once the other transaction has released the stream. */
  async #settleBusy(pendings: readonly PendingAppend[]): Promise<void> {
    let left = pendings
    for (let tries = 1; left.length > 0; tries++) {
      if (this.#busySlots.tryAcquire()) {
        for (const pending of left) await this.#settleAlone(pending, true)
        left = []
        this.#busySlots.release()
      } else {
        left = await this.#tryBusy(left)
        const longest = Math.min(longestPause, shortestPause * 2 ** tries)
        if (left.length > 0) await sleep(longest * (0.5 + Math.random() / 2))
      }
    }
    this.#releaseStreams(pendings)
    this.#schedule()
  }

  /** Makes the appends to one stream without waiting for it. Returns the appends whose stream is still busy. */
  async #tryBusy(pendings: readonly PendingAppend[]): Promise<readonly PendingAppend[]> {
    await this.#trySlots.acquire()
    const group = pendings.filter(({ signal, reject }) => {
      if (signal?.aborted) reject(signal.reason)
      return !signal?.aborted
    })
    try {
      if (group.length === 0) return []
      const outcomes = await this.#options.together(
        group.map(({ append }) => append),
        true,
      )
      return group.filter((pending, index) => !settled(pending, outcomes[index] as GroupOutcome))
    } catch (error) {
      // If one of them is at fault, only that one gets the error once each is made alone.
      for (const pending of group) {
        if (isOneAtFault(error)) await this.#settleAlone(pending, true)
        else pending.reject(error)
      }
      return []
    } finally {
      this.#trySlots.release()
    }
  }

  /** Frees the streams of settled appends. The appends that waited for them go before appends that were called later. */
  #releaseStreams(settled: readonly PendingAppend[]): void {
    const next: PendingAppend[] = []
    for (const { append } of settled) {
      // One by one: passed as arguments of a single call, very many of them would overflow the stack.
      for (const pending of this.#streams.get(append.streamId) ?? []) next.push(pending)
      this.#streams.delete(append.streamId)
    }
    if (next.length > 0) this.#waiting = [...next, ...this.#waiting]
  }
}

/** A counting semaphore. Callers that find no free slot wait in line. */
class Semaphore {
  #free: number
  readonly #line: (() => void)[] = []

  constructor(slots: number) {
    this.#free = slots
  }

  /** The number of free slots. */
  get free(): number {
    return this.#free
  }

  tryAcquire(): boolean {
    if (this.#free === 0) return false
    this.#free--
    return true
  }

  async acquire(): Promise<void> {
    if (!this.tryAcquire()) await new Promise<void>((resolve) => this.#line.push(resolve))
  }

  release(): void {
    const next = this.#line.shift()
    if (next === undefined) this.#free++
    else next()
  }
}

/** Settles the promise of an append. Returns false if the append is busy, and so must be made again. */
function settled({ resolve, reject }: PendingAppend, outcome: GroupOutcome): boolean {
  if (outcome.kind === 'busy') return false
  if (outcome.kind === 'failed') reject(outcome.error)
  else resolve(outcome)
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
