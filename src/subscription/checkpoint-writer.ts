/**
 * Writes the checkpoints of all subscriptions of a process. One call of the storage moves all checkpoints that wait. There
 * is one call at a time, and at most ten a second; the first checkpoint after a pause is written at once. A storage that
 * bills requests also limits the number of checkpoints a second (`Pace.checkpoints`, called the budget here). That limit
 * delays neither a stop nor a call that waits for a checkpoint.
 */
import { LeaseLostError } from '../errors/index.ts'
import { abortable } from '../runtime/abort.ts'
import { Budget } from '../runtime/budget.ts'
import type { Clock } from '../runtime/clock.ts'
import { WakeableSleep } from '../runtime/wakeable-sleep.ts'
import { fullPace } from '../storage/pace.ts'
import type { SubscriptionKind } from '../storage/registry.ts'
import type { Storage } from '../storage/storage.ts'
import type { Lease, MoveOutcome } from '../storage/subscriptions.ts'

// The shortest time between the beginnings of two calls, in milliseconds.
const interval = 100
/**
 * The longest time that a checkpoint waits for the budget, in milliseconds. If the process dies, another one handles the
 * events of that time again. Readers in other processes may wait for a projection (`atLeast`), by default for 5 s.
 */
export const longestWaits: Readonly<Record<SubscriptionKind, number>> = {
  projection: 1_000,
  handler: 5_000,
  build: 5_000,
}

interface Waiting {
  readonly lease: Lease
  /** When it is written at the latest, though the budget is used up. */
  readonly latest: number
  position(): number
  readonly signal: AbortSignal
  resolve(position: number): void
  reject(error: unknown): void
}

export class CheckpointWriter {
  readonly #storage: Pick<Storage, 'advance'>
  readonly #clock: Clock
  readonly #budget: Budget
  #waiting: Waiting[] = []
  /** The leases whose checkpoints must not wait for the budget. */
  readonly #urgent = new Set<Lease>()
  /** The number of callers that wait for checkpoints. While there is one, no checkpoint waits for the budget. */
  #watchers = 0
  #isRunning = false
  #writtenAt = Number.NEGATIVE_INFINITY
  readonly #sleep: WakeableSleep

  constructor(storage: Pick<Storage, 'advance' | 'pace'>, clock: Clock) {
    this.#storage = storage
    this.#clock = clock
    this.#sleep = new WakeableSleep(clock)
    this.#budget = new Budget(clock, (storage.pace ?? fullPace).checkpoints)
  }

  /**
   * Moves the checkpoint of a lease forward, and returns its new position. Calls `position` when it sends the write.
   * `longestWait`: how long it may wait for the budget, in milliseconds. A caller must wait for the answer before it calls again for the same lease. If the signal is aborted, the call rejects at
   * once with the signal's reason; the storage may still write the checkpoint.
   * @throws LeaseLostError if the lease was released, or another worker has taken it
   */
  write(lease: Lease, position: () => number, longestWait: number, signal: AbortSignal): Promise<number> {
    const written = new Promise<number>((resolve, reject) => {
      const latest = this.#clock.now() + longestWait
      this.#waiting.push({ lease, latest, position, signal, resolve, reject })
    })
    if (this.#isRunning) this.#sleep.wake()
    else void this.#run()
    const result = abortable(written, signal)
    // An aborted write must not keep the process waiting. No caller may be left to handle its error.
    result.catch(() => this.#sleep.wake())
    written.catch(() => {})
    return result
  }

  /** Writes the waiting checkpoint of a lease without waiting for the budget. */
  hurry(lease: Lease): void {
    this.#urgent.add(lease)
    this.#sleep.wake()
  }

  /** Whether a caller waits for a checkpoint. */
  get isAwaited(): boolean {
    return this.#watchers > 0
  }

  /** Writes all checkpoints without waiting for the budget, until the returned function is called. */
  hurryAll(): () => void {
    this.#watchers++
    this.#sleep.wake()
    return () => {
      this.#watchers--
    }
  }

  /** Never rejects. */
  async #run(): Promise<void> {
    this.#isRunning = true
    for (;;) {
      this.#waiting = this.#waiting.filter(({ signal }) => !signal.aborted)
      if (this.#waiting.length === 0) break
      const left = this.#timeLeft
      if (left > 0) {
        await this.#sleep.sleep(left)
        continue
      }
      this.#writtenAt = this.#clock.now()
      const writes = this.#waiting
      this.#waiting = []
      this.#urgent.clear()
      this.#budget.spend(writes.length)
      await this.#write(writes)
    }
    this.#urgent.clear()
    this.#isRunning = false
  }

  /** In how many milliseconds the next call may begin. */
  get #timeLeft(): number {
    const now = this.#clock.now()
    const shortest = this.#writtenAt + interval - now
    const mustHurry = this.isAwaited || this.#waiting.some(({ lease }) => this.#urgent.has(lease))
    if (mustHurry) return shortest
    const latest = Math.min(...this.#waiting.map((one) => one.latest))
    return Math.max(shortest, Math.min(this.#budget.timeLeft, latest - now))
  }

  async #write(writes: readonly Waiting[]): Promise<void> {
    const moves = writes.map(({ lease, position }) => ({ lease, position: position() }))
    let outcomes: readonly MoveOutcome[]
    try {
      outcomes = await this.#storage.advance(moves)
    } catch (error) {
      for (const { reject } of writes) reject(error)
      return
    }
    for (const [index, write] of writes.entries()) {
      const { lease, resolve, reject } = write
      const outcome = outcomes[index]
      if (outcome === 'moved') resolve(moves[index]?.position as number)
      else if (outcome === 'lost') reject(new LeaseLostError(lease.subscription, lease.partition))
      else this.#waiting.push(write)
    }
  }
}
