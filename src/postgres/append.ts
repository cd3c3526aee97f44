/** How appends reach the database: one by one, in groups of concurrent calls, or all or none. */
import { GroupCommit, type PreparedAppend, type Storage } from '../storage/index.ts'
import type { AppendCalls } from './append-calls.ts'

/**
 * Makes the `append` of the storage. `maxBatch`: maximum number of appends in a group. `lockTimeout`: for how long an
 * append waits for a stream that another transaction holds, in milliseconds. `otherCalls`: see `GroupCommitOptions`.
 */
export function appends(
  { alone, together, allOrNone }: AppendCalls,
  maxBatch: number,
  lockTimeout: number,
  otherCalls: () => number,
): Pick<Storage, 'append'> {
  const group = new GroupCommit({ alone, together, maxBatch, lockTimeout, otherCalls })
  return {
    async append(appends, signal) {
      const only = appends.length === 1 ? (appends[0] as PreparedAppend) : undefined
      // Without events there is nothing to share a transaction for, and the outcome needs a look at the stream.
      if (only === undefined || only.events.length === 0) return allOrNone(appends, signal)
      return [await group.append(only, signal)]
    },
  }
}
