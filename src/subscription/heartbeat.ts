/**
 * The heartbeat of a process: one call of the storage renews the leases of all its workers, and brings what operators
 * have changed. It beats once a second, or each third of the shortest lease time; a worker that joins gets its first
 * leases at once.
 */
import { abortable } from '../runtime/abort.ts'
import type { Clock } from '../runtime/clock.ts'
import type { KeptLeases, SubscriptionStorage, WorkerBeat } from '../storage/subscriptions.ts'

// In milliseconds. Operators expect that each process hears of a change within a second.
const longestInterval = 1_000

export interface HeartbeatListener {
  /** `sentAt`: when the call was sent, by the clock of the process. The leases last from then on. */
  kept(kept: KeptLeases, sentAt: number): void
  /** The call failed. The next one follows at the next beat. */
  failed(error: unknown): void
}

/** A worker's part in the heartbeat of its process. */
export interface HeartbeatMember {
  /** Beats for this worker at once, or as soon as the running call has its answer. */
  beatNow(): void
  leave(): void
}

interface Member {
  readonly beat: WorkerBeat
  readonly listener: HeartbeatListener
}

export class Heartbeat {
  readonly #storage: Pick<SubscriptionStorage, 'keepLeases'>
  readonly #clock: Clock
  readonly #members = new Set<Member>()
  /** The members that must not wait for the next beat. */
  readonly #urgent = new Set<Member>()
  #isRunning = false
  #wake = () => {}
  /** Ends the running call when no member is left that waits for its answer. */
  #abandonCall = () => {}

  constructor(storage: Pick<SubscriptionStorage, 'keepLeases'>, clock: Clock) {
    this.#storage = storage
    this.#clock = clock
  }

  join(beat: WorkerBeat, listener: HeartbeatListener): HeartbeatMember {
    const member = { beat, listener }
    this.#members.add(member)
    const beatNow = () => {
      if (!this.#members.has(member)) return
      this.#urgent.add(member)
      this.#wake()
    }
    beatNow()
    if (!this.#isRunning) void this.#run()
    return {
      beatNow,
      leave: () => {
        this.#members.delete(member)
        this.#urgent.delete(member)
        if (this.#members.size === 0) this.#abandonCall()
        this.#wake()
      },
    }
  }

  /** Never rejects. */
  async #run(): Promise<void> {
    this.#isRunning = true
    let nextAt = this.#clock.now()
    while (this.#members.size > 0) {
      const isDue = this.#clock.now() >= nextAt
      const due = [...(isDue ? this.#members : this.#urgent)]
      this.#urgent.clear()
      if (isDue) nextAt = this.#clock.now() + this.#interval
      if (due.length > 0) await this.#beat(due)
      else await this.#sleep(Math.min(nextAt - this.#clock.now(), this.#interval))
    }
    this.#isRunning = false
  }

  get #interval(): number {
    const leaseTimes = [...this.#members].map(({ beat }) => beat.milliseconds)
    return Math.min(longestInterval, Math.min(...leaseTimes) / 3)
  }

  async #beat(members: readonly Member[]): Promise<void> {
    const sentAt = this.#clock.now()
    const abandon = new AbortController()
    this.#abandonCall = () => abandon.abort(new Error('no worker is left'))
    let answers: readonly KeptLeases[]
    try {
      const beats = members.map(({ beat }) => beat)
      answers = await abortable(this.#storage.keepLeases(beats, abandon.signal), abandon.signal)
    } catch (error) {
      for (const member of members) if (this.#members.has(member)) member.listener.failed(error)
      return
    }
    for (const [index, member] of members.entries()) {
      if (this.#members.has(member)) member.listener.kept(answers[index] as KeptLeases, sentAt)
    }
  }

  /** Sleeps until the time is over, or a member joins, leaves or must not wait. */
  async #sleep(milliseconds: number): Promise<void> {
    const woken = new AbortController()
    this.#wake = () => woken.abort()
    await this.#clock.sleep(Math.max(1, milliseconds), woken.signal).catch(() => {})
    this.#wake = () => {}
  }
}
