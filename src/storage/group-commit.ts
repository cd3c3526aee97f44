/**
 * Group commit: appends that are called at the same time share one transaction, each with its own outcome.
 *
 *     append ──▶ waiting ──▶ in a group ──▶ settled
 *                 │   ▲          │             ▲
 *                 ▼   │          ▼             │ retried aside
 *        a running group        busy: another transaction
 *        has its stream         holds its stream
 *
 * While a group is running, the next one collects appends, so groups grow with the load, and a lone append never waits
 * for others. Appends to one stream are made in the order of their calls, unless groups are off (`maxBatch` 1). While
 * another transaction holds a stream, the appends to it pause between retries and keep no connection. So any number of
 * held streams delays only their own appends. (The technique is known from database logs: DeWitt et al., "Implementation Techniques for
 * Main Memory Database Systems", 1984.)
 */
import { hasCode, LockTimeoutError } from '../errors/index.ts'
import { sleep } from '../runtime/abort.ts'
import { lockPause } from '../runtime/retry.ts'
import { Semaphore } from '../runtime/semaphore.ts'
import { InlineFailure } from './inline-failure.ts'
import type { AppendOutcome, PreparedAppend } from './storage.ts'

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
   * Makes several appends in one transaction, in their order. Never waits for a stream: an append that would have to
   * wait is 'busy'. If it rejects with a 'storage-failed' error or an InlineFailure, the queue retries smaller groups,
   * until the append at fault is alone with its error. Any other error rejects all appends of the group.
   */
  readonly together: (
    appends: readonly PreparedAppend[],
    retried: boolean,
  ) => Promise<readonly GroupOutcome[]>
  /** The largest number of appends in a group. 1: every append is made alone and at once. */
  readonly maxBatch: number
  /**
   * For how long the queue retries a busy append, in milliseconds. After that, the append rejects with a
   * LockTimeoutError. @default no limit, for a storage without busy appends
   */
  readonly lockTimeout?: number
}

/** Nothing was written, because another transaction holds the stream. The queue retries the append after a pause. */
export interface Busy {
  readonly kind: 'busy'
}

/**
 * Nothing was written, because of this append's own error. For a storage that knows which append of a group is at
 * fault.
 */
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
// A group that runs longer, in milliseconds, waits for a lock or a connection. It moves to a slow slot, if one is free,
// so that the next group can start.
const slowAfter = 50
// The largest number of slow groups that wait at the same time.
const slowSlots = 4
// How many busy streams the queue retries at the same time, at most.
const maxRetrying = 2

/** The queue: gathers appends into groups, and retries busy ones aside. */
export class GroupCommit {
  readonly #options: GroupCommitOptions
  /** In the order in which they must be made. */
  #waiting: PendingAppend[] = []
  /** The streams of running groups, each with the appends that wait for it, in the order of their calls. */
  readonly #streams = new Map<string, PendingAppend[]>()
  #freeSlots = maxRunningGroups
  readonly #slowSlots = new Semaphore(slowSlots)
  readonly #retrySlots = new Semaphore(maxRetrying)
  #isScheduled = false

  constructor(options: GroupCommitOptions) {
    this.#options = options
  }

  /** Makes an append, alone or in a group. */
  append(append: PreparedAppend, signal?: AbortSignal): Promise<AppendOutcome> {
    return new Promise((resolve, reject) => {
      const pending = { append, size: sizeOf(append), signal, resolve, reject }
      if (this.#options.maxBatch === 1) {
        this.#makeAtOnce(pending)
        return
      }
      this.#waiting.push(pending)
      this.#schedule()
    })
  }

  async #makeAtOnce(pending: PendingAppend): Promise<void> {
    if (!(await this.#settleAlone(pending, false))) await this.#settleBusy([pending])
  }

  /**
   * Starts groups in the next microtask, so that calls of the same turn share a group, and so do callers that continue
   * when a group is settled. A macrotask would be too late: an embedded database keeps the event loop busy while it has
   * work.
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

  /**
   * Takes the next group from the waiting appends. An append whose stream is in a running group waits for that stream.
   */
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
    if (group.length === 1 && first !== undefined) {
      if (!(await this.#settleAlone(first, retried))) addTo(busy, first)
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
    const { lockTimeout = Number.POSITIVE_INFINITY } = this.#options
    const end = performance.now() + lockTimeout
    let left = pendings
    for (let retries = 1; ; retries++) {
      left = await this.#retrySlots.run(() => this.#retryBusy(left))
      if (left.length === 0 || performance.now() >= end) break
      await sleep(Math.min(lockPause(retries), end - performance.now()))
    }
    for (const { reject } of left) reject(new LockTimeoutError('Appending', lockTimeout))
    this.#releaseStreams(pendings)
    this.#schedule()
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

  /**
   * Frees the streams of settled appends. The appends that waited for them go before appends that were called later.
   */
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
