/** Worlds in memory. */
import { memoryStore } from '@eventsourced/core'
import type { RunningStore } from '../stores.ts'

const unable = async () => {
  throw new Error('The store in memory lacks this capability')
}

export async function startMemory(): Promise<RunningStore> {
  return {
    async world() {
      const store = memoryStore()
      return { open: async () => store, begin: unable, openBehindProxy: unable, end: () => store.close() }
    },
    async stop() {},
  }
}
