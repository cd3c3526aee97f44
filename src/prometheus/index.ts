/** `@eventsourced/core/prometheus`: an observer that counts the facts of a store, and writes them for Prometheus. */

export {
  type MetricsRequest,
  type Prometheus,
  type PrometheusOptions,
  prometheus,
} from './prometheus.ts'
