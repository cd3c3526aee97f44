/** How appends reach the database: one by one, in groups of concurrent calls, or all or none. */
import { GroupCommit, type GroupCommitOptions, type PreparedAppend, type Storage } from '../storage/index.ts'
import type { AppendCalls } from './append-calls.ts'

/** Makes the `append` of the storage. */
export function appends(
  { alone, together, allOrNone }: AppendCalls,
  options: Omit<GroupCommitOptions, 'alone' | 'together'>,
): Pick<Storage, 'append'> {
  const group = new GroupCommit({ alone, together, ...options })
  return {
    async append(appends, signal) {
      const only = appends.length === 1 ? (appends[0] as PreparedAppend) : undefined
      // An append without events writes nothing, so it needs no group. Its outcome needs the version of the stream.
      if (only === undefined || only.events.length === 0) return allOrNone(appends, signal)
      return [await group.append(only, signal)]
    },
  }
}
