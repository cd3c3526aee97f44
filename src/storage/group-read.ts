/**
 * Group reads: reads that are called while others are under way share one request, each with an outcome of its own.
 *
 *     read ──▶ waiting ──▶ together ──▶ done
 *                              └ fails ──▶ each alone
 *
 * A read sees whatever was written before it was called, since it joins no request that was already sent.
 */
import { hasCode } from '../errors/index.ts'

export interface GroupReadOptions<Read> {
  readonly alone: (read: Read, signal?: AbortSignal) => Promise<void>
  /** When it rejects with a 'storage-failed' error, each read is done alone, and has its own error or none. */
  readonly together: (reads: readonly Read[]) => Promise<void>
  /** Most reads in a group. 1: every read is done alone and at once. */
  readonly maxBatch: number
}

interface Entry<Read> {
  readonly read: Read
  readonly signal: AbortSignal | undefined
  readonly resolve: () => void
  readonly reject: (error: unknown) => void
}

// How many requests are under way: while the database answers one, another is on its way.
const lanes = 2
// A request that takes longer (in milliseconds) keeps nobody else waiting.
const patience = 20

export class GroupRead<Read> {
  readonly #options: GroupReadOptions<Read>
  readonly #waiting: Entry<Read>[] = []
  #freeLanes = lanes
  #isScheduled = false

  constructor(options: GroupReadOptions<Read>) {
    this.#options = options
  }

  /** Resolves once the read is done, alone or in company. */
  read(read: Read, signal?: AbortSignal): Promise<void> {
    if (this.#options.maxBatch === 1) return this.#options.alone(read, signal)
    return new Promise((resolve, reject) => {
      this.#waiting.push({ read, signal, resolve, reject })
      this.#schedule()
    })
  }

  /**
   * Who calls in the same turn of the event loop comes along. When nothing is under way, as soon as the running code
   * yields: a lone caller waits for nobody, and callers who go on together, when a group of appends is settled, read
   * together.
   */
  #schedule(): void {
    if (this.#isScheduled || this.#freeLanes === 0) return
    this.#isScheduled = true
    const soon = this.#freeLanes === lanes ? queueMicrotask : setImmediate
    soon(() => {
      this.#isScheduled = false
      this.#fillLanes()
    })
  }

  #fillLanes(): void {
    while (this.#freeLanes > 0 && this.#waiting.length > 0) {
      const group: Entry<Read>[] = []
      for (const entry of this.#waiting.splice(0, this.#options.maxBatch)) {
        if (entry.signal?.aborted) entry.reject(entry.signal.reason)
        else group.push(entry)
      }
      if (group.length > 0) this.#start(group)
    }
  }

  async #start(group: readonly Entry<Read>[]): Promise<void> {
    this.#freeLanes--
    let isLaneHeld = true
    const leave = () => {
      if (!isLaneHeld) return
      isLaneHeld = false
      this.#freeLanes++
      this.#fillLanes()
    }
    const timer = setTimeout(leave, patience)
    await this.#settle(group)
    clearTimeout(timer)
    // The callers of a group mostly go on to call again: together, if none of them finds the lane free.
    if (group.length > 1) setImmediate(leave)
    else leave()
  }

  /** Never rejects. */
  async #settle(group: readonly Entry<Read>[]): Promise<void> {
    const [first] = group
    if (group.length === 1 && first !== undefined) return this.#settleAlone(first)
    try {
      await this.#options.together(group.map(({ read }) => read))
      for (const { resolve } of group) resolve()
    } catch (error) {
      if (hasCode(error, 'storage-failed')) await Promise.all(group.map((entry) => this.#settleAlone(entry)))
      else for (const { reject } of group) reject(error)
    }
  }

  #settleAlone({ read, signal, resolve, reject }: Entry<Read>): Promise<void> {
    return this.#options.alone(read, signal).then(resolve, reject)
  }
}
