/**
 * Measures the store once a second, for all pages together, while a page is open and for a minute after. It keeps the
 * samples of the last ten minutes. While the database is away it goes on trying.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { health } from '@eventsourced/core/health'
import type { AppendCounts } from './metrics.ts'
import type { ConsoleContext } from './options.ts'
import type { Sample } from './shapes/store.ts'
import { withinTime } from './within-time.ts'

/** How often it measures, and how long it keeps and waits, in milliseconds. */
export interface SamplerTimes {
  readonly interval: number
  readonly kept: number
  /** How long it measures on when no client is there. */
  readonly idle: number
  /** How long one measurement may take. */
  readonly timeout: number
}

const usualTimes: SamplerTimes = { interval: 1_000, kept: 600_000, idle: 60_000, timeout: 2_000 }

/** What a client gets: a sample, or why there is none. */
export type Measured =
  | { readonly kind: 'sample'; readonly sample: Sample; readonly id: number }
  | { readonly kind: 'away'; readonly message: string }

interface Kept {
  readonly sample: Sample
  /** When it was taken, in milliseconds since 1970. Each one is larger than the one before. */
  readonly id: number
}

export class Sampler {
  readonly #context: Pick<ConsoleContext, 'store' | 'metrics' | 'closing'>
  readonly #times: SamplerTimes
  #kept: Kept[] = []
  /** Why the last measurement failed. */
  #away: string | undefined
  #counts: AppendCounts | undefined
  #clients = 0
  #lastLeft = 0
  #isRunning = false
  #next = signalled()

  constructor(
    context: Pick<ConsoleContext, 'store' | 'metrics' | 'closing'>,
    times: Partial<SamplerTimes> = {},
  ) {
    this.#context = context
    this.#times = { ...usualTimes, ...times }
  }

  get isRunning(): boolean {
    return this.#isRunning
  }

  /** Yields the kept samples after `after`, and then each new one, until the signal is aborted. */
  async *follow(after: number, signal: AbortSignal): AsyncGenerator<Measured, void, undefined> {
    const ended = new Promise<void>((resolve) => {
      if (signal.aborted) resolve()
      signal.addEventListener('abort', () => resolve(), { once: true })
    })
    this.#clients++
    if (!this.#isRunning) void this.#run()
    let last = after
    let isTold = false
    try {
      while (!signal.aborted) {
        const next = this.#next.promise
        for (let kept = this.#after(last); kept !== undefined && !signal.aborted; kept = this.#after(last)) {
          yield { kind: 'sample', ...kept }
          last = kept.id
          isTold = false
        }
        if (this.#away !== undefined && !isTold) {
          isTold = true
          yield { kind: 'away', message: this.#away }
        }
        await Promise.race([next, ended])
      }
    } finally {
      this.#clients--
      this.#lastLeft = performance.now()
    }
  }

  /** The sample after the one with this id. A slow client asks again with the last id that it got: no queue of its own grows. */
  #after(id: number): Kept | undefined {
    const newest = this.#kept.at(-1)
    if (newest === undefined || newest.id <= id) return undefined
    const before = this.#kept.at(-2)
    return before === undefined || before.id <= id ? newest : this.#kept.find((one) => one.id > id)
  }

  async #run(): Promise<void> {
    const { closing } = this.#context
    this.#isRunning = true
    this.#lastLeft = performance.now()
    // The difference to counts from before the pause would show all appends of the pause as one burst.
    this.#counts = undefined
    try {
      while (!closing.aborted && this.#isWanted()) {
        const began = performance.now()
        await this.#measure()
        const pause = Math.max(0, this.#times.interval - (performance.now() - began))
        await sleep(pause, undefined, { signal: closing, ref: false }).catch(() => {})
      }
    } finally {
      this.#isRunning = false
    }
  }

  #isWanted(): boolean {
    return this.#clients > 0 || performance.now() - this.#lastLeft < this.#times.idle
  }

  async #measure(): Promise<void> {
    const sample = await this.#sample().catch(() => 'The database could not be measured')
    if (typeof sample === 'string') this.#away = sample
    else {
      this.#away = undefined
      const id = Math.max(Date.parse(sample.at), (this.#kept.at(-1)?.id ?? 0) + 1)
      this.#kept.push({ sample, id })
      const oldest = id - this.#times.kept
      if ((this.#kept[0]?.id ?? id) < oldest) this.#kept = this.#kept.filter((one) => one.id >= oldest)
    }
    this.#next.resolve()
    this.#next = signalled()
  }

  /** Returns a sample, or why there is none. The reason names no host. */
  async #sample(): Promise<Sample | string> {
    const { timeout, interval } = this.#times
    const [{ checkedAt, checks }, appends] = await Promise.all([
      health(this.#context.store, { timeout, maxAge: Math.min(interval / 2, 500) }),
      this.#appends(),
    ])
    let duration = 0
    let measured: Pick<Sample, 'position' | 'head' | 'heldFor'> | undefined
    const lags: [string, number][] = []
    for (const check of checks) {
      if (check.name === 'database') {
        if (check.status === 'failed') return check.reason ?? 'The database does not answer'
        duration = check.duration
      }
      if (check.name === 'frontier') {
        measured = { position: check.position, head: check.head, heldFor: check.heldFor }
      }
      if (check.name === 'subscription') lags.push([check.subscription, check.lag])
    }
    if (measured === undefined) return 'The database has not answered how far the log has come'
    const at = checkedAt.toISOString()
    return { at, ...measured, duration, lags: Object.fromEntries(lags), ...(appends && { appends }) }
  }

  /** What the appending processes have measured since the sample before; undefined if they do not answer. */
  async #appends(): Promise<Sample['appends']> {
    const { metrics } = this.#context
    const signal = AbortSignal.timeout(this.#times.timeout)
    // A source of the user may throw at once, or answer never.
    const asked = (async () => metrics?.read(signal))().catch(() => undefined)
    const counts = await withinTime(asked, this.#times.timeout, this.#context.closing)
    const before = this.#counts
    this.#counts = counts
    if (counts === undefined || before === undefined) return undefined
    const commits = counts.commits - before.commits
    const time = counts.commitMilliseconds - before.commitMilliseconds
    return {
      count: counts.appends - before.appends,
      conflicts: counts.conflicts - before.conflicts,
      commits,
      ...(commits > 0 && { commitTime: time / commits }),
    }
  }
}

function signalled(): { readonly promise: Promise<void>; readonly resolve: () => void } {
  let resolve = () => {}
  const promise = new Promise<void>((done) => {
    resolve = done
  })
  return { promise, resolve }
}
