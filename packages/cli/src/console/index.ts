/** `@eventsourced/cli/console`: a console of an event store, to mount in your own server. */
export { type CancelledJob, type Console, console } from './console.ts'
export { type AppendCounts, type ConsoleMetrics, consoleMetrics, type MetricSource } from './metrics.ts'
export type { ConsoleOptions, Redact, RedactedValue } from './options.ts'
export { type ScrapedMetricsOptions, scrapedMetrics } from './scraped-metrics.ts'
