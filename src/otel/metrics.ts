/** Records the facts of a store with OpenTelemetry instruments. Durations are in seconds, as the conventions ask. */
import type { Metric } from '../observe/metric.ts'
import type { OpenTelemetryApi } from './api.ts'
import { attribute, counters, gauges, histograms, scope, system } from './names.ts'

/**
 * Makes the instruments with the first fact: `@opentelemetry/api` drops what instruments record that were made before the
 * program has registered its meter provider.
 */
export function recorder(api: OpenTelemetryApi): (metric: Metric) => void {
  let instruments: ReturnType<typeof instrumentsOf> | undefined
  return (metric) => {
    instruments ??= instrumentsOf(api)
    record(instruments, metric)
  }
}

function instrumentsOf({ metrics }: OpenTelemetryApi) {
  const meter = metrics.getMeter(scope)
  const histogram = ({ name, options }: (typeof histograms)[keyof typeof histograms]) =>
    meter.createHistogram(name, options)
  const counter = ({ name, options }: (typeof counters)[keyof typeof counters]) =>
    meter.createCounter(name, options)
  const gauge = ({ name, options }: (typeof gauges)[keyof typeof gauges]) => meter.createGauge(name, options)
  return {
    process: histogram(histograms.process),
    append: histogram(histograms.append),
    read: histogram(histograms.read),
    command: histogram(histograms.command),
    commit: histogram(histograms.commit),
    batch: histogram(histograms.batch),
    conflicts: counter(counters.conflicts),
    retries: counter(counters.retries),
    parked: counter(counters.parked),
    lag: gauge(gauges.lag),
    lagTime: gauge(gauges.lagTime),
  }
}

function record(instruments: ReturnType<typeof instrumentsOf>, metric: Metric): void {
  switch (metric.kind) {
    case 'append':
    case 'read':
    case 'command':
      instruments[metric.kind].record(metric.duration / 1_000, { [attribute.outcome]: metric.outcome })
      if (metric.outcome === 'conflict') instruments.conflicts.add(1, {})
      return
    case 'commit':
      instruments.commit.record(metric.duration / 1_000, {})
      instruments.batch.record(metric.appends, {})
      return
    case 'handle':
      instruments.process.record(metric.duration / 1_000, {
        [attribute.system]: system,
        [attribute.operationName]: 'process',
        [attribute.consumerGroup]: metric.subscription,
        // The fact does not contain the error. The conventions have this value for an unknown one.
        ...(metric.outcome === 'failed' && { [attribute.errorType]: '_OTHER' }),
      })
      return
    case 'park':
      instruments.parked.add(1, { [attribute.subscription]: metric.subscription })
      return
    case 'lag': {
      const attributes = { [attribute.subscription]: metric.subscription }
      instruments.lag.record(metric.lag, attributes)
      instruments.lagTime.record(metric.lagTime / 1_000, attributes)
      return
    }
    case 'retry':
    case 'throttle':
    case 'conflict':
    case 'credentials':
      instruments.retries.add(1, { [attribute.reason]: metric.kind })
      return
    default:
    // Facts without an instrument, also those of a later release.
  }
}
