/** How appends reach the database: one by one, in groups of concurrent calls, or all or none. */
import {
  type CommitTimer,
  GroupCommit,
  type GroupCommitOptions,
  type PreparedAppend,
  type Storage,
} from '../storage/index.ts'
import type { AppendCalls } from './append-calls.ts'

/** Makes the `append` of the storage. `timer`: measures the commits. */
export function appends(
  calls: AppendCalls,
  options: Omit<GroupCommitOptions, 'alone' | 'together'>,
  timer: CommitTimer | undefined,
): Pick<Storage, 'append'> {
  const { alone, together, allOrNone } = timer === undefined ? calls : timedCalls(calls, timer)
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

function timedCalls({ alone, together, allOrNone }: AppendCalls, timer: CommitTimer): AppendCalls {
  return {
    alone: (...call) => timer(1, () => alone(...call)),
    together: (appends, retriedBefore) => timer(appends.length, () => together(appends, retriedBefore)),
    allOrNone: (appends, signal) => timer(appends.length, () => allOrNone(appends, signal)),
  }
}
