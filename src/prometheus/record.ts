/** Turns the facts of a store into counters and histograms, and the lag of its subscriptions into gauges. */

import type { Lags } from '../observe/lags.ts'
import type { Metric } from '../observe/metric.ts'
import type { SeriesByFamily } from './series.ts'

const seconds = (milliseconds: number) => milliseconds / 1_000

/** Records one fact. Ignores a kind that it does not know, because a minor release may add kinds. */
export function record(metric: Metric, series: SeriesByFamily): void {
  switch (metric.kind) {
    case 'append':
      series.observe('append_duration_seconds', [metric.outcome], seconds(metric.duration))
      series.add('appended_events_total', [], metric.outcome === 'appended' ? metric.events : 0)
      break
    case 'commit':
      series.observe('commit_duration_seconds', [], seconds(metric.duration))
      series.add('committed_appends_total', [], metric.appends)
      break
    case 'read':
      series.observe('read_duration_seconds', [metric.outcome], seconds(metric.duration))
      series.add('read_events_total', [], metric.events)
      break
    case 'command':
      series.observe('command_duration_seconds', [metric.outcome], seconds(metric.duration))
      series.add('command_retries_total', [], Math.max(0, metric.attempts - 1))
      break
    case 'handle': {
      const { subscription, outcome, events, duration } = metric
      series.observe('handler_duration_seconds', [subscription, outcome], seconds(duration))
      series.add('handled_events_total', [subscription], outcome === 'handled' ? events : 0)
      break
    }
    case 'park':
      series.add('parked_total', [metric.subscription], 1)
      break
    case 'capacity': {
      const { table, command, readUnits, writeUnits } = metric
      if (readUnits > 0) series.add('dynamodb_capacity_units_total', [table, command, 'read'], readUnits)
      if (writeUnits > 0) series.add('dynamodb_capacity_units_total', [table, command, 'write'], writeUnits)
      break
    }
    case 'retry':
    case 'throttle':
    case 'conflict':
    case 'credentials':
    case 'seal':
    case 'late':
      series.add('incidents_total', [metric.kind], 1)
  }
}

/** Sets the gauges of the subscriptions that this process handles now. */
export function setLagGauges(lags: Lags, series: SeriesByFamily): void {
  for (const { subscription, lag, lagTime } of lags.current()) {
    series.set('subscription_lag_positions', [subscription], lag)
    series.set('subscription_lag_seconds', [subscription], seconds(lagTime))
  }
}
