/** Appends and follows the log while something befalls the server; all must succeed, and be there once. */
import type { EventStore, RecordedEvent } from '@eventsourced/core'
import { expect } from 'vitest'
import { counted, logOf, range } from '../../src/conformance/events.ts'

export interface Load {
  /** Ends it, checks that the log holds just what was acknowledged, and that a follower saw it so. */
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
      // A doubled append would make the next one a conflict.
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
