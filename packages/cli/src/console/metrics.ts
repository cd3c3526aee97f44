/** What the processes that append have measured: where the console gets its rates, conflicts and commit times from. */
import type { Metric } from '@eventsourced/core'

/** How much was measured since the source began to count. Every number only grows. */
export interface AppendCounts {
  /** Calls of `append` and `appendAll`, and batches of `import`, that recorded events. */
  readonly appends: number
  /** Calls that found a stream at another version than expected. */
  readonly conflicts: number
  /** Commits of appends, also commits that the database refused because of a conflict. */
  readonly commits: number
  /** How long all commits took together, in milliseconds. */
  readonly commitMilliseconds: number
}

/** Answers what the appending processes have measured. */
export interface MetricSource {
  /** Resolves with `undefined` while no process answers. */
  read(signal: AbortSignal): Promise<AppendCounts | undefined>
}

/** Counts the facts of the stores of this process, and answers with the sums. */
export interface ConsoleMetrics extends MetricSource {
  /** Give it to a store as `onMetric`. */
  readonly record: (metric: Metric) => void
}

/**
 * Returns counters for a console in the process that appends.
 *
 *     const metrics = consoleMetrics()
 *     const store = postgresStore(url, { onMetric: metrics.record })
 *     app.route('/console', console({ store, metrics }))
 */
export function consoleMetrics(): ConsoleMetrics {
  const counts = { appends: 0, conflicts: 0, commits: 0, commitMilliseconds: 0 }
  return {
    record(metric) {
      if (metric.kind === 'append') {
        if (metric.outcome === 'appended') counts.appends++
        if (metric.outcome === 'conflict') counts.conflicts++
      } else if (metric.kind === 'commit') {
        counts.commits++
        counts.commitMilliseconds += metric.duration
      }
    },
    read: async () => ({ ...counts }),
  }
}
