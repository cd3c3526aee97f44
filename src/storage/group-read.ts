/**
 * Group reads: reads that are called while other reads are running share one request, each with its own outcome.
 *
 *     read ──▶ waiting ──▶ in a group ──▶ done
 *                              └ fails ──▶ each alone
 *
 * A read sees everything that was written before it was called, because it never joins a request that was already sent.
 */
import { hasCode } from '../errors/index.ts'

export interface GroupReadOptions<Read> {
  /** Does one read. */
  readonly alone: (read: Read, signal?: AbortSignal) => Promise<void>
  /**
   * Does several reads in one request. If it rejects with a 'storage-failed' error, each read is done alone, so that
   * only the read at fault fails. Any other error rejects all reads of the group.
   */
  readonly together: (reads: readonly Read[]) => Promise<void>
  /** The largest number of reads in a group. 1: every read is done alone and at once. */
  readonly maxBatch: number
}

interface PendingRead<Read> {
  readonly read: Read
  readonly signal: AbortSignal | undefined
  readonly resolve: () => void
  readonly reject: (error: unknown) => void
}

// Two requests run at once: while the database answers one, the other is on its way.
const maxRunningRequests = 2
// A request that runs longer, in milliseconds, no longer occupies a slot, so that the next one can start.
const slowAfter = 20

export class GroupRead<Read> {
  readonly #options: GroupReadOptions<Read>
  readonly #waiting: PendingRead<Read>[] = []
  #freeSlots = maxRunningRequests
  #isScheduled = false
  #running = 0

  constructor(options: GroupReadOptions<Read>) {
    this.#options = options
  }

  /** How many reads wait or run. */
  get pending(): number {
    return this.#waiting.length + this.#running
  }

  /** Does a read, alone or in a group. Resolves once it is done. */
  read(read: Read, signal?: AbortSignal): Promise<void> {
    if (this.#options.maxBatch === 1) return this.#options.alone(read, signal)
    return new Promise((resolve, reject) => {
      this.#waiting.push({ read, signal, resolve, reject })
      this.#schedule()
    })
  }

  /**
   * Starts groups soon. While no request runs, soon is the next microtask: a lone read is not delayed, and callers that
   * continue when a group of appends is settled read together. Otherwise, soon is the end of this turn of the event
   * loop, so that all calls of the turn share a group.
   */
  #schedule(): void {
    if (this.#isScheduled || this.#freeSlots === 0) return
    this.#isScheduled = true
    const soon = this.#freeSlots === maxRunningRequests ? queueMicrotask : setImmediate
    soon(() => {
      this.#isScheduled = false
      this.#startGroups()
    })
  }

  #startGroups(): void {
    while (this.#freeSlots > 0 && this.#waiting.length > 0) {
      const group: PendingRead<Read>[] = []
      for (const pending of this.#waiting.splice(0, this.#options.maxBatch)) {
        if (pending.signal?.aborted) pending.reject(pending.signal.reason)
        else group.push(pending)
      }
      if (group.length > 0) this.#start(group)
    }
  }

  async #start(group: readonly PendingRead<Read>[]): Promise<void> {
    this.#freeSlots--
    let holdsSlot = true
    const release = () => {
      if (!holdsSlot) return
      holdsSlot = false
      this.#freeSlots++
      this.#startGroups()
    }
    const timer = setTimeout(release, slowAfter)
    this.#running += group.length
    await this.#settle(group)
    this.#running -= group.length
    clearTimeout(timer)
    // The callers of a group usually read again at once. They share a group only if none of them finds the slot free.
    if (group.length > 1) setImmediate(release)
    else release()
  }

  /** Does the reads and settles their promises. Never rejects. */
  async #settle(group: readonly PendingRead<Read>[]): Promise<void> {
    const [first] = group
    if (group.length === 1 && first !== undefined) return this.#settleAlone(first)
    try {
      await this.#options.together(group.map(({ read }) => read))
      for (const { resolve } of group) resolve()
    } catch (error) {
      if (hasCode(error, 'storage-failed'))
        await Promise.all(group.map((pending) => this.#settleAlone(pending)))
      else for (const { reject } of group) reject(error)
    }
  }

  #settleAlone({ read, signal, resolve, reject }: PendingRead<Read>): Promise<void> {
    return this.#options.alone(read, signal).then(resolve, reject)
  }
}
