/**
 * Looks at a store for its health. Load balancers ask often and from many places, so calls share looks. A database that
 * accepts connections and stays silent must not use up the store's connections: at most two questions wait for it.
 */
import { readSafely, refuse } from '../input/refusal.ts'
import type { Frontier } from '../log/frontier.ts'
import { abortable } from '../runtime/abort.ts'
import type { EventStore } from '../store.ts'
import type { SubscriptionSummary } from '../subscription/administration.ts'
import type { WorkerStatus } from '../subscription/subscription.ts'
import type { HealthLimits } from './limits.ts'

/** The part of a store that its health is read from. */
export type HealthStore = Pick<EventStore, 'frontier' | 'workers' | 'subscriptions'>

/** What a look at the store has found. */
export interface Look {
  readonly at: Date
  /** How long the database took for its first answer, or failed to answer, in milliseconds. */
  readonly duration: number
  /** Undefined if the database has failed. */
  readonly found: Found | undefined
  /** The error that the look failed with. */
  readonly error: unknown
  /** Whether it failed because its time was over. */
  readonly isLate: boolean
}

interface Found {
  readonly frontier: Frontier
  /** For how long the frontier has been held back, in milliseconds. */
  readonly heldFor: number
  /** Undefined if the database answered, but not everything about the subscriptions in time. */
  readonly subscriptions: readonly SubscriptionSummary[] | undefined
  /** The workers of this process. */
  readonly workers: readonly WorkerStatus[]
}

/** @throws InvalidInputError if the value is not a store */
export function checkStore(store: HealthStore): void {
  const isStore = readSafely('store', store, () => {
    const { frontier, workers, subscriptions } = (store ?? {}) as Partial<HealthStore>
    return [frontier, workers, subscriptions?.list, subscriptions?.get].every(
      (method) => typeof method === 'function',
    )
  })
  if (!isStore) refuse('store', 'must be a store', store)
}

const maxQuestions = 2

class Looks {
  readonly #store: HealthStore
  /** The last look of each kind: with each timeout, and at each list of subscriptions. */
  readonly #last = new Map<string, { readonly look: Promise<Look>; endedAt: number | undefined }>()
  /** Questions for the frontier that the database has not answered yet. */
  readonly #questions = new Set<Promise<Frontier>>()
  /** Readings of subscriptions that have not ended yet, each by its names. */
  readonly #readings = new Map<string, Promise<readonly SubscriptionSummary[]>>()
  /** The position at which this process last saw the frontier held back, and since when. */
  #held: { readonly position: number; readonly since: number } | undefined

  constructor(store: HealthStore) {
    this.#store = store
  }

  take({ timeout, maxAge, expected }: Pick<HealthLimits, 'timeout' | 'maxAge' | 'expected'>): Promise<Look> {
    const names = expected?.map(({ name }) => name)
    const kind = JSON.stringify([timeout, names])
    const last = this.#last.get(kind)
    if (last !== undefined) {
      const { endedAt } = last
      if (endedAt === undefined || performance.now() - endedAt < maxAge) return last.look
    }
    const taken: { readonly look: Promise<Look>; endedAt: number | undefined } = {
      look: this.#look(timeout, names).finally(() => {
        taken.endedAt = performance.now()
      }),
      endedAt: undefined,
    }
    this.#last.set(kind, taken)
    return taken.look
  }

  /** Never rejects. */
  async #look(timeout: number, names: readonly string[] | undefined): Promise<Look> {
    const at = new Date()
    const start = performance.now()
    const elapsed = () => Math.round(performance.now() - start)
    const deadline = new AbortController()
    const timer = setTimeout(() => deadline.abort(new Error(`no answer within ${timeout} ms`)), timeout)
    try {
      const frontier = await abortable(this.#frontier(), deadline.signal)
      const duration = elapsed()
      const heldFor = this.#heldFor(frontier)
      const asked = abortable(this.#subscriptions(names, deadline.signal), deadline.signal)
      const subscriptions = await asked.catch((error) => {
        if (!deadline.signal.aborted) throw error
        return undefined
      })
      const found = { frontier, heldFor, subscriptions, workers: this.#store.workers() }
      return { at, duration, found, error: undefined, isLate: false }
    } catch (error) {
      return { at, duration: elapsed(), found: undefined, error, isLate: deadline.signal.aborted }
    } finally {
      clearTimeout(timer)
    }
  }

  /** Resolves with the first answer, to this question or to an earlier one. Rejects if all of them fail. */
  #frontier(): Promise<Frontier> {
    if (this.#questions.size < maxQuestions) {
      const question = this.#store.frontier()
      this.#questions.add(question)
      const end = () => void this.#questions.delete(question)
      question.then(end, end)
    }
    return Promise.any(this.#questions).catch(({ errors }: AggregateError) => {
      throw errors.at(-1)
    })
  }

  /**
   * Resolves with the answer to this question, or to an earlier one for the same names. A late look does not end its
   * question: the database would work on it, on a connection that stays in use, and each new look would take another.
   */
  async #subscriptions(
    names: readonly string[] | undefined,
    signal: AbortSignal,
  ): Promise<readonly SubscriptionSummary[]> {
    const key = JSON.stringify(names ?? null)
    while (!this.#readings.has(key) && this.#readings.size >= maxQuestions) {
      await Promise.race(this.#readings.values()).catch(() => {})
      signal.throwIfAborted()
    }
    let reading = this.#readings.get(key)
    if (reading === undefined) {
      reading = readSubscriptions(this.#store, names)
      this.#readings.set(key, reading)
      const end = () => void this.#readings.delete(key)
      reading.then(end, end)
    }
    return reading
  }

  #heldFor({ position, head, writers }: Frontier): number {
    if (head <= position) {
      this.#held = undefined
      return 0
    }
    const now = performance.now()
    if (this.#held?.position !== position) this.#held = { position, since: now }
    const seenFor = Math.round(now - this.#held.since)
    // A writer without a time is not shown to this role, and may be older than the others.
    const times = writers.map(({ openTime = seenFor }) => openTime)
    return times.length > 0 ? Math.max(...times) : seenFor
  }
}

/** Reads the subscriptions of these names that are registered; undefined: all that are. */
async function readSubscriptions(
  { subscriptions }: HealthStore,
  names: readonly string[] | undefined,
): Promise<readonly SubscriptionSummary[]> {
  const found: SubscriptionSummary[] = []
  if (names === undefined) {
    for await (const summary of subscriptions.list()) found.push(summary)
    return found
  }
  // One after the other: a database that stays silent must not use up the connections.
  for (const name of names) {
    const summary = await subscriptions.get(name)
    if (summary !== undefined) found.push(summary)
  }
  return found
}

const looks = new WeakMap<HealthStore, Looks>()

/** Returns the looks that all callers share for this store. */
export function looksOf(store: HealthStore): Looks {
  const known = looks.get(store) ?? new Looks(store)
  looks.set(store, known)
  return known
}
