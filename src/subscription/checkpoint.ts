/**
 * The checkpoint of a leased partition: how far its events are handled, and how far that is stored. It is written
 * behind the handling, one write at a time, and never says more than was handled before the write was sent.
 */
import type { EngineEnvironment } from '../runtime/environment.ts'
import type { Lease } from '../storage/subscriptions.ts'

// While events are handled, the checkpoint is written so often (in milliseconds).
const writingInterval = 200

export class Checkpoint {
  readonly #environment: EngineEnvironment
  readonly #lease: Lease
  readonly #giveUp: AbortSignal
  #position: number
  #stored: number
  #writing: Promise<void> | undefined
  #isWanted = false
  #failure: { readonly error: unknown } | undefined
  #writtenAt: number

  constructor(environment: EngineEnvironment, lease: Lease, giveUp: AbortSignal) {
    this.#environment = environment
    this.#lease = lease
    this.#giveUp = giveUp
    this.#position = lease.position
    this.#stored = lease.position
    this.#writtenAt = environment.clock.now()
  }

  /** Everything up to here is handled, or not asked for. */
  get position(): number {
    return this.#position
  }

  moveTo(position: number): void {
    if (position > this.#position) this.#position = position
  }

  /** It is stored up to there, by other means or as was looked up; what has failed before does not matter any more. */
  storedUpTo(position: number): void {
    this.moveTo(position)
    this.#stored = Math.max(this.#stored, position)
    this.#failure = undefined
  }

  /** Whether the last write is so long ago that another is worth its while. */
  get isDue(): boolean {
    return this.#position > this.#stored && this.#environment.clock.now() - this.#writtenAt > writingInterval
  }

  /** Sees to it that it is written, without waiting for it. @throws what an earlier write has failed with */
  writeSoon(): void {
    this.#checkFailure()
    this.#isWanted = true
    if (this.#writing === undefined) this.#write()
  }

  /** @throws what writing fails with; what failed before is done again */
  async write(): Promise<void> {
    this.#failure = undefined
    this.writeSoon()
    while (this.#writing !== undefined) await this.#writing
    this.#checkFailure()
  }

  #write(): void {
    const position = this.#position
    this.#isWanted = false
    if (position <= this.#stored) return
    this.#writtenAt = this.#environment.clock.now()
    this.#writing = this.#environment.storage.advance(this.#lease, position, this.#giveUp).then(
      () => {
        this.#writing = undefined
        this.#stored = Math.max(this.#stored, position)
        if (this.#isWanted) this.#write()
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
