/** Keeps how far the subscriptions of this process are behind. */
import type { LagMetric } from './metric.ts'

// A worker reports once a second. When it stops, or another process takes its partitions, the last lag is no longer true.
const lifetime = 10_000

export class Lags {
  readonly #last = new Map<string, { readonly metric: LagMetric; readonly at: number }>()

  note(metric: LagMetric): void {
    this.#last.set(metric.subscription, { metric, at: performance.now() })
  }

  /** The last lag of each subscription that still reports one. */
  current(): readonly LagMetric[] {
    const since = performance.now() - lifetime
    for (const [subscription, { at }] of this.#last) if (at < since) this.#last.delete(subscription)
    return [...this.#last.values()].map(({ metric }) => metric)
  }
}
