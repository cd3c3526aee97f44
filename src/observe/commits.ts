/** Measures the commits of a storage. */
import type { Metric } from './metric.ts'
import { timed } from './observation.ts'

/** Runs a commit of so many appends, and reports it. */
export type CommitTimer = <T>(appends: number, commit: () => Promise<T>) => Promise<T>

/** Returns undefined if nothing measures: the storage then calls its commits directly. */
export function commitTimer(measure: ((metric: Metric) => void) | undefined): CommitTimer | undefined {
  if (measure === undefined) return undefined
  return (appends, commit) =>
    timed(measure, commit, (_ended, duration) => ({ kind: 'commit', appends, duration }))
}
