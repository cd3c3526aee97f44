/** The gauges that come from the health of a store. */
import type { Health } from '../health/checks.ts'
import type { SeriesByFamily } from './series.ts'

/** Sets the gauges. If the database does not answer, only `up` is set: the others would be old. */
export function setHealthGauges({ checks }: Health, series: SeriesByFamily): void {
  for (const check of checks) {
    switch (check.name) {
      case 'database':
        series.set('up', [], check.status === 'failed' ? 0 : 1)
        break
      case 'frontier':
        series.set('frontier_position', [], check.position)
        series.set('head_position', [], check.head)
        series.set('frontier_held_seconds', [], check.heldFor / 1_000)
        break
      case 'last-append':
        if (check.recordedAt !== undefined) {
          series.set('last_append_timestamp_seconds', [], check.recordedAt.getTime() / 1_000)
        }
        break
      case 'subscription': {
        const { state, lag, lagTime, parked, partitions, unowned, error } = check
        if (state === 'superseded') break
        const labels = [check.subscription]
        if (state === 'unregistered') {
          // Zeros would look healthy. The alert for partitions without a worker must fire.
          series.set('subscription_unowned_partitions', labels, 1)
          break
        }
        series.set('subscription_lag_positions', labels, lag)
        series.set('subscription_lag_seconds', labels, lagTime / 1_000)
        series.set('subscription_parked_events', labels, parked)
        series.set('subscription_partitions', labels, partitions)
        series.set('subscription_unowned_partitions', labels, unowned)
        series.set('subscription_paused', labels, state === 'paused' ? 1 : 0)
        series.set('worker_failed', labels, error === undefined ? 0 : 1)
      }
    }
  }
}
