/**
 * The checkpoint of a leased partition: up to where its events are handled, and up to where that is stored. The store
 * writes it behind the handling, one write at a time. A write never stores more than was handled when it was sent.
 */
import type { EngineEnvironment } from '../runtime/environment.ts'
import type { Lease } from '../storage/subscriptions.ts'

// The shortest time between two writes within a page of events, in milliseconds. The end of a page with events requests a
// write, too, unless several partitions share the page.
const writeInterval = 200

export class Checkpoint {
  readonly #environment: EngineEnvironment
  readonly #lease: Lease
  readonly #longestWait: number
  readonly #abandon: AbortSignal
  #position: number
  #stored: number
  #writing: Promise<void> | undefined
  #isWriteRequested = false
  #failure: { readonly error: unknown } | undefined
  #writtenAt: number

  /** `longestWait`: how long a write may wait for the limit of the storage, in milliseconds. */
  constructor(environment: EngineEnvironment, lease: Lease, longestWait: number, abandon: AbortSignal) {
    this.#environment = environment
    this.#lease = lease
    this.#longestWait = longestWait
    this.#abandon = abandon
    this.#position = lease.position
    this.#stored = lease.position
    this.#writtenAt = environment.clock.now()
  }

  /** Every event up to this position is handled, parked, or not selected by the filter. */
  get position(): number {
    return this.#position
  }

  /** Moves the checkpoint forward, in memory; it never moves back. */
  moveTo(position: number): void {
    if (position > this.#position) this.#position = position
  }

  /**
   * Notes that the storage holds a checkpoint at `position`: a transaction wrote it, or a read found it. An earlier
   * failed write no longer matters.
   */
  markStored(position: number): void {
    this.moveTo(position)
    this.#stored = Math.max(this.#stored, position)
    this.#failure = undefined
  }

  /** Whether events have been passed that no write has stored yet. */
  get isBehind(): boolean {
    return this.#position > this.#stored
  }

  /** Whether there is something to write, and the last write is longer ago than the interval. */
  get isDue(): boolean {
    return this.isBehind && this.#environment.clock.now() - this.#writtenAt > writeInterval
  }

  /**
   * Starts a write without waiting for it. While a write runs, the next one starts after it.
   * @throws the error of the last write if it failed
   */
  requestWrite(): void {
    this.#checkFailure()
    this.#isWriteRequested = true
    if (this.#writing === undefined) this.#startWrite()
  }

  /** Writes the checkpoint and waits for it; retries an earlier failed write. @throws the error of the write */
  async write(): Promise<void> {
    this.#failure = undefined
    this.requestWrite()
    while (this.#writing !== undefined) {
      this.#environment.checkpointWriter.hurry(this.#lease)
      await this.#writing
    }
    this.#checkFailure()
  }

  #startWrite(): void {
    this.#isWriteRequested = false
    if (this.#position <= this.#stored) return
    this.#writtenAt = this.#environment.clock.now()
    const { checkpointWriter } = this.#environment
    // The write may wait. It then stores the position of the moment when it is sent.
    this.#writing = checkpointWriter
      .write(this.#lease, () => this.#position, this.#longestWait, this.#abandon)
      .then(
        (position) => {
          this.#writing = undefined
          this.#stored = Math.max(this.#stored, position)
          if (this.#isWriteRequested) this.#startWrite()
        },
        (error: unknown) => {
          this.#writing = undefined
          this.#failure = { error }
        },
      )
  }

  #checkFailure(): void {
    if (this.#failure !== undefined) throw this.#failure.error
  }
}
