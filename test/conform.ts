/** Every store passes every case of the conformance suite, or is excused from it for a stated reason. */
import { conformanceCases } from '@eventsourced/core/conformance'
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import { type RunningStore, type StoreUnderTest, stores } from './stores.ts'

/** Takes every second store, so that two files, and with them two workers, share the suite. */
export function conformEverySecond(from: 0 | 1): void {
  for (const store of stores.filter((_, index) => index % 2 === from)) {
    describe(store.name, () => conform(store))
  }
  it('names no case twice', () => {
    const names = conformanceCases.map(({ group, name }) => `${group}: ${name}`)
    expect(names).toEqual([...new Set(names)])
  })
}

function conform(store: StoreUnderTest): void {
  let running: RunningStore | undefined
  beforeAll(async () => {
    running = await store.start(store.server && inject('servers')[store.server])
  })
  afterAll(() => running?.stop())

  for (const { group, name, needs = [], run } of conformanceCases) {
    it(`${group}: ${name}`, async ({ skip }) => {
      const lacking = needs.find((capability) => store.lacks[capability] !== undefined)
      if (lacking !== undefined) skip(`${store.name} has no ${lacking}: ${store.lacks[lacking]}`)
      if (running === undefined) throw new Error(`${store.name} did not start`)
      const world = await running.world()
      try {
        await run(world)
      } finally {
        await world.end()
      }
    })
  }
}
