/**
 * Writes the checkpoints of all subscriptions of a process: one call of the storage for all that have moved, at most one
 * call at a time, and at most ten a second. The first checkpoint after a pause is written at once.
 */
import { LeaseLostError } from '../errors/index.ts'
import { abortable } from '../runtime/abort.ts'
import type { Clock } from '../runtime/clock.ts'
import type { CheckpointMove, Lease, MoveOutcome, SubscriptionStorage } from '../storage/subscriptions.ts'

// The shortest time from the beginning of one call to the beginning of the next one, in milliseconds.
const interval = 100

interface Waiting {
  readonly lease: Lease
  readonly position: number
  readonly signal: AbortSignal
  resolve(): void
  reject(error: unknown): void
}

export class CheckpointWriter {
  readonly #storage: Pick<SubscriptionStorage, 'advance'>
  readonly #clock: Clock
  #waiting: Waiting[] = []
  #isRunning = false
  #writtenAt = Number.NEGATIVE_INFINITY

  constructor(storage: Pick<SubscriptionStorage, 'advance'>, clock: Clock) {
    this.#storage = storage
    this.#clock = clock
  }

  /**
   * Moves the checkpoint of a lease forward. A caller must wait for the answer before it calls again for the same lease.
   * When the signal is aborted, the call rejects at once with the signal's reason; the storage may write the checkpoint all
   * the same.
   * @throws LeaseLostError if the lease was released, or another worker has taken it
   */
  write(lease: Lease, position: number, signal: AbortSignal): Promise<void> {
    const written = new Promise<void>((resolve, reject) => {
      this.#waiting.push({ lease, position, signal, resolve, reject })
    })
    if (!this.#isRunning) void this.#run()
    // If the signal was aborted, no caller handles this error: it must not count as unhandled.
    written.catch(() => {})
    return abortable(written, signal)
  }

  /** Never rejects. */
  async #run(): Promise<void> {
    this.#isRunning = true
    while (this.#waiting.length > 0) {
      const left = this.#writtenAt + interval - this.#clock.now()
      if (left > 0) await this.#clock.sleep(left).catch(() => {})
      this.#writtenAt = this.#clock.now()
      const writes = this.#waiting
      this.#waiting = []
      await this.#write(writes)
    }
    this.#isRunning = false
  }

  async #write(writes: readonly Waiting[]): Promise<void> {
    let outcomes: readonly MoveOutcome[]
    try {
      outcomes = await this.#storage.advance(writes.map(moveOf))
    } catch (error) {
      for (const { reject } of writes) reject(error)
      return
    }
    for (const [index, write] of writes.entries()) {
      const { lease, signal, resolve, reject } = write
      const outcome = outcomes[index]
      if (outcome === 'moved') resolve()
      else if (outcome === 'lost') reject(new LeaseLostError(lease.subscription, lease.partition))
      else if (!signal.aborted) this.#waiting.push(write)
    }
  }
}

const moveOf = ({ lease, position }: Waiting): CheckpointMove => ({ lease, position })
