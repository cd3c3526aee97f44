/**
 * The heartbeat of a process: one call of the storage renews the leases of all its workers, and returns what operators
 * have changed. The process sends it once a second, or less often if the storage bills requests, and at least at each third of
 * the shortest lease time. A worker that joins gets its first leases at once.
 */
import type { Clock } from '../runtime/clock.ts'
import { WakeableSleep } from '../runtime/wakeable-sleep.ts'
import { fullPace } from '../storage/pace.ts'
import type { Storage } from '../storage/storage.ts'
import type { KeptLeases, WorkerBeat } from '../storage/subscriptions.ts'

export interface HeartbeatListener {
  /** `sentAt`: when the process sent the heartbeat, by its own clock. The lease time counts from then on. */
  kept(kept: KeptLeases, sentAt: number): void
  /**
   * The storage has renewed the leases while a heartbeat runs. `sentAt`: when it sent the renewal, by the clock of the process.
   */
  renewed(sentAt: number): void
  /** The heartbeat failed. The process sends the next one after the usual interval. */
  failed(error: unknown): void
}

/** A worker's part in the heartbeat of its process. */
export interface HeartbeatMember {
  /** Sends a heartbeat for this worker at once, or as soon as the running heartbeat has its answer. */
  beatNow(): void
  /**
   * Ends the worker's part. Resolves once no running heartbeat can take leases for this worker. The caller must release
   * leases only then: a running heartbeat may take a released lease again.
   */
  leave(): Promise<void>
}

interface Member {
  readonly beat: WorkerBeat
  readonly listener: HeartbeatListener
}

export class Heartbeat {
  readonly #storage: Pick<Storage, 'keepLeases' | 'pace'>
  readonly #clock: Clock
  readonly #members = new Set<Member>()
  /** The members that must not wait for the next heartbeat. */
  readonly #urgent = new Set<Member>()
  #isRunning = false
  readonly #sleep: WakeableSleep
  /** The running heartbeat, and the members whose leases it renews. `ended` never rejects. */
  #call: { readonly members: readonly Member[]; readonly ended: Promise<void> } | undefined

  constructor(storage: Pick<Storage, 'keepLeases' | 'pace'>, clock: Clock) {
    this.#storage = storage
    this.#clock = clock
    this.#sleep = new WakeableSleep(clock)
  }

  join(beat: WorkerBeat, listener: HeartbeatListener): HeartbeatMember {
    const member = { beat, listener }
    this.#members.add(member)
    const beatNow = () => {
      if (!this.#members.has(member)) return
      this.#urgent.add(member)
      this.#sleep.wake()
    }
    beatNow()
    if (!this.#isRunning) void this.#run()
    return {
      beatNow,
      leave: async () => {
        this.#members.delete(member)
        this.#urgent.delete(member)
        this.#sleep.wake()
        if (this.#call?.members.includes(member)) await this.#call.ended
      },
    }
  }

  /** Never rejects. */
  async #run(): Promise<void> {
    this.#isRunning = true
    let lastAt = Number.NEGATIVE_INFINITY
    while (this.#members.size > 0) {
      const left = lastAt + this.#interval - this.#clock.now()
      const due = [...(left <= 0 ? this.#members : this.#urgent)]
      this.#urgent.clear()
      if (left <= 0) lastAt = this.#clock.now()
      if (due.length > 0) {
        this.#call = { members: due, ended: this.#beat(due) }
        await this.#call.ended
        this.#call = undefined
      } else {
        await this.#sleep.sleep(left)
      }
    }
    this.#isRunning = false
  }

  /** Computed again whenever a member joins, so that a short lease time does not wait for the end of a longer interval. */
  get #interval(): number {
    const leaseTimes = [...this.#members].map(({ beat }) => beat.milliseconds)
    const { heartbeatInterval } = this.#storage.pace ?? fullPace
    return Math.min(heartbeatInterval, Math.min(...leaseTimes) / 3)
  }

  async #beat(members: readonly Member[]): Promise<void> {
    const sentAt = this.#clock.now()
    const beats = members.map(({ beat }) => beat)
    const renewed = (ago: number) => {
      for (const { listener } of this.#members) listener.renewed(this.#clock.now() - ago)
    }
    let answers: readonly KeptLeases[]
    try {
      answers = await this.#storage.keepLeases(beats, undefined, renewed)
    } catch (error) {
      for (const member of members) if (this.#members.has(member)) member.listener.failed(error)
      return
    }
    for (const [index, member] of members.entries()) {
      if (this.#members.has(member)) member.listener.kept(answers[index] as KeptLeases, sentAt)
    }
  }
}
