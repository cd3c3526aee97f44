/** Starts the store in memory. Every world is a new store, which all calls of `open` in that world return. */
import { type EventStore, memoryStore } from '@eventsourced/core'
import type { RunningStore } from '../store-under-test.ts'

const rejectMissingFeature = async () => {
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
        begin: rejectMissingFeature,
        openBehindProxy: rejectMissingFeature,
        end: async () => store?.close(),
      }
    },
    async stop() {},
  }
}
