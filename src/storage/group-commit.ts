/**
 * Group commit: appends that are called at the same time share one transaction, each with an outcome of its own.
 *
 *     append ──▶ waiting ──▶ under way ──▶ settled
 *                   ▲           │   ▲
 *        its stream └───────────┤   │ alone, aside
 *        is under way           ▼   │
 *                              busy: somebody else holds its stream
 *
 * While a group is under way the next one gathers, so that groups grow with the load, and a lone caller never
 * waits for company. Appends to one stream are made in the order of their calls. (The technique of database logs:
 * DeWitt et al., "Implementation Techniques for Main Memory Database Systems", 1984.)
 */
import { hasCode } from '../errors/index.ts'
import { InlineFailure } from './inline-failure.ts'
import type { AppendOutcome, PreparedAppend } from './storage.ts'

export interface GroupCommitOptions {
  /** Makes one append, waiting for whoever holds its stream. `retried`: it may have been made before. */
  readonly alone: (append: PreparedAppend, retried: boolean, signal?: AbortSignal) => Promise<AppendOutcome>
  /**
   * Makes several appends in one transaction, in their order. Waits for nobody: an append that would have to is
   * 'busy'. When it rejects with a 'storage-failed' error or an InlineFailure, the appends are made again in smaller groups, until
   * the one at fault is alone with its error.
   */
  readonly together: (
    appends: readonly PreparedAppend[],
    retried: boolean,
  ) => Promise<readonly (AppendOutcome | Busy | Failed)[]>
  /** Most appends in a group. 1: every append is made alone and at once. */
  readonly maxBatch: number
}

export interface Busy {
  readonly kind: 'busy'
}

/** The one append at fault of several, where the storage found out itself. */
export interface Failed {
  readonly kind: 'failed'
  readonly error: unknown
}

interface Entry {
  readonly append: PreparedAppend
  readonly size: number
  readonly signal: AbortSignal | undefined
  readonly resolve: (outcome: AppendOutcome) => void
  readonly reject: (error: unknown) => void
}

// A group with so many characters of payload takes no more.
const largestSize = 1_048_576
// How many groups are under way: while the database writes one, another is on its way.
const lanes = 2
// What takes longer (in milliseconds) waits for a lock or a connection: it goes on aside, and its lane is free.
const patience = 50
const lanesAside = 4

export class GroupCommit {
  readonly #options: GroupCommitOptions
  /** In the order of the calls. */
  #waiting: Entry[] = []
  /** The streams under way, each with the entries that came to the front meanwhile and wait for it. */
  readonly #streams = new Map<string, Entry[]>()
  #freeLanes = lanes
  readonly #aside = new Lanes(lanesAside)
  #isScheduled = false

  constructor(options: GroupCommitOptions) {
    this.#options = options
  }

  append(append: PreparedAppend, signal?: AbortSignal): Promise<AppendOutcome> {
    if (this.#options.maxBatch === 1) return this.#options.alone(append, false, signal)
    return new Promise((resolve, reject) => {
      this.#waiting.push({ append, size: sizeOf(append), signal, resolve, reject })
      this.#schedule()
    })
  }

  /**
   * As soon as the running code yields: whoever calls together, or goes on together when a group is settled, comes
   * along. Not later: an embedded database never returns to the event loop while it has something to do.
   */
  #schedule(): void {
    if (this.#isScheduled || this.#freeLanes === 0 || this.#waiting.length === 0) return
    this.#isScheduled = true
    queueMicrotask(() => {
      this.#isScheduled = false
      while (this.#freeLanes > 0) {
        const group = this.#nextGroup()
        if (group.length === 0) return
        this.#start(group)
      }
    })
  }

  #nextGroup(): readonly Entry[] {
    const group: Entry[] = []
    let size = 0
    let seen = 0
    for (const entry of this.#waiting) {
      if (group.length === this.#options.maxBatch) break
      const queue = this.#streams.get(entry.append.streamId)
      if (entry.signal?.aborted) entry.reject(entry.signal.reason)
      else if (queue !== undefined) queue.push(entry)
      else if (group.length > 0 && size + entry.size > largestSize) break
      else {
        group.push(entry)
        size += entry.size
      }
      seen++
    }
    this.#waiting = this.#waiting.slice(seen)
    for (const { append } of group) this.#streams.set(append.streamId, [])
    return group
  }

  async #start(group: readonly Entry[]): Promise<void> {
    this.#freeLanes--
    let isAside = false
    const timer = setTimeout(() => {
      if (!this.#aside.tryEnter()) return
      isAside = true
      this.#freeLanes++
      this.#schedule()
    }, patience)
    const busy = await this.#settle(group, false)
    clearTimeout(timer)
    this.#release(group.filter(({ append }) => !busy.has(append.streamId)))
    for (const entries of busy.values()) this.#settleAside(entries)
    if (isAside) this.#aside.leave()
    else this.#freeLanes++
    this.#schedule()
  }

  /** Makes the appends and tells their callers; gives back those that are busy, by stream. Never rejects. */
  async #settle(group: readonly Entry[], retried: boolean): Promise<Map<string, Entry[]>> {
    const busy = new Map<string, Entry[]>()
    const [first] = group
    if (group.length === 1 && first !== undefined) {
      await this.#settleAlone(first, retried)
      return busy
    }
    try {
      const appends = group.map(({ append }) => append)
      const outcomes = await this.#options.together(appends, retried)
      for (const [index, entry] of group.entries()) {
        const outcome = outcomes[index] as AppendOutcome | Busy | Failed
        if (outcome.kind === 'busy') addTo(busy, entry)
        else if (outcome.kind === 'failed') entry.reject(outcome.error)
        else entry.resolve(outcome)
      }
      return busy
    } catch (error) {
      if (!hasCode(error, 'storage-failed') && !(error instanceof InlineFailure)) {
        for (const { reject } of group) reject(error)
        return busy
      }
      return this.#settleInHalves(group)
    }
  }

  async #settleInHalves(group: readonly Entry[]): Promise<Map<string, Entry[]>> {
    const middle = group.length >> 1
    const busy = await this.#settle(group.slice(0, middle), true)
    const rest: Entry[] = []
    for (const entry of group.slice(middle)) {
      // Behind an append to its stream that is still to be made.
      if (busy.has(entry.append.streamId)) addTo(busy, entry)
      else rest.push(entry)
    }
    if (rest.length === 0) return busy
    return new Map([...busy, ...(await this.#settle(rest, true))])
  }

  async #settleAlone({ append, signal, resolve, reject }: Entry, retried: boolean): Promise<void> {
    await this.#options.alone(append, retried, signal).then(resolve, reject)
  }

  /** The appends to a stream that somebody else holds: one after the other, and waiting. */
  async #settleAside(entries: readonly Entry[]): Promise<void> {
    await this.#aside.enter()
    for (const entry of entries) await this.#settleAlone(entry, true)
    this.#aside.leave()
    this.#release(entries)
    this.#schedule()
  }

  /** The streams are free again: who waited for them is in front of those who came later. */
  #release(entries: readonly Entry[]): void {
    const next: Entry[] = []
    for (const { append } of entries) {
      // One by one: as arguments of one call, very many would overflow the stack.
      for (const entry of this.#streams.get(append.streamId) ?? []) next.push(entry)
      this.#streams.delete(append.streamId)
    }
    if (next.length > 0) this.#waiting = [...next, ...this.#waiting]
  }
}

/** Places that are taken and given back; who finds none waits in line. */
class Lanes {
  #free: number
  readonly #line: (() => void)[] = []

  constructor(count: number) {
    this.#free = count
  }

  tryEnter(): boolean {
    if (this.#free === 0) return false
    this.#free--
    return true
  }

  async enter(): Promise<void> {
    if (!this.tryEnter()) await new Promise<void>((resolve) => this.#line.push(resolve))
  }

  leave(): void {
    const next = this.#line.shift()
    if (next === undefined) this.#free++
    else next()
  }
}

function addTo(entries: Map<string, Entry[]>, entry: Entry): void {
  const { streamId } = entry.append
  const own = entries.get(streamId)
  if (own === undefined) entries.set(streamId, [entry])
  else own.push(entry)
}

function sizeOf({ events }: PreparedAppend): number {
  let size = 0
  for (const { data, metadata } of events) size += data.length + metadata.length
  return size
}
