/** Appends and follows the log while the server fails. Every append must succeed and be recorded once. */
import type { EventStore, RecordedEvent } from '@eventsourced/core'
import { expect } from 'vitest'
import { counted, logOf, range } from '../../src/conformance/events.ts'

export interface Load {
  /** Ends the load. Checks that the log has exactly the acknowledged events, and that a follower received the same. */
  end(): Promise<readonly RecordedEvent[]>
}

export function startLoad(store: EventStore): Load {
  let enough = false
  const following = (async () => {
    const followed: RecordedEvent[] = []
    for await (const event of store.readAll({ follow: true })) {
      followed.push(event)
      if (event.streamId === 'last') break
    }
    return followed
  })()
  const writing = range(1, 8).map(async (writer) => {
    const acknowledged: [string, number, number][] = []
    for (let version = 0; !enough; version += 2) {
      // If an append were made twice, the next one would be a conflict.
      const own = await store.append(`own-${writer}`, counted(2), { expectedVersion: version })
      const shared = await store.append('shared', counted(1))
      for (const { streamId, firstVersion, positions } of [own, shared]) {
        for (const [index, position] of positions.entries())
          acknowledged.push([streamId, firstVersion + index, position])
      }
    }
    return acknowledged
  })
  return {
    async end() {
      enough = true
      const acknowledged = (await Promise.all(writing)).flat().toSorted(([, , a], [, , b]) => a - b)
      await store.append('last', counted(1))
      const log = await logOf(store)
      const entries = log.map(({ streamId, version, position }) => [streamId, version, position])
      expect(entries.slice(0, -1)).toEqual(acknowledged)
      expect(await following).toEqual(log)
      return log
    },
  }
}
