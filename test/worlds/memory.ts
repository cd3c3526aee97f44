/** Worlds in memory. */
import { type EventStore, memoryStore } from '@eventsourced/core'
import type { RunningStore } from '../store-under-test.ts'

const unable = async () => {
  throw new Error('The store in memory lacks this capability')
}

export async function startMemory(): Promise<RunningStore> {
  return {
    async world() {
      let store: EventStore | undefined
      return {
        async open(options) {
          store ??= memoryStore(options)
          return store
        },
        begin: unable,
        openBehindProxy: unable,
        end: async () => store?.close(),
      }
    },
    async stop() {},
  }
}
