/** Defines tests that run on each of the stores. The store runs during the tests, and each test gets its own world. */
import { afterAll, beforeAll, describe, inject } from 'vitest'
import type { RunningStore, StoreUnderTest, World } from './store-under-test.ts'
import { stores } from './stores.ts'

type WithWorld = (use: (world: World) => Promise<void>) => Promise<void>

export function onEachStore(define: (store: StoreUnderTest, withWorld: WithWorld) => void): void {
  for (const store of stores) {
    const { name, server, start } = store
    const missing = store.missing?.()
    describe.skipIf(missing)(missing ? `${name}: ${missing}` : name, () => {
      let running: RunningStore | undefined
      beforeAll(async () => {
        running = await start(server && inject('servers')[server])
      })
      afterAll(() => running?.stop())

      define(store, async (use) => {
        const world = await running?.world()
        if (world === undefined) throw new Error(`${name} did not start`)
        try {
          await use(world)
        } finally {
          await world.end()
        }
      })
    })
  }
}
