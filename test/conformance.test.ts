/** Every store passes every case of the conformance suite, or is excused from it for a stated reason. */
import { conformanceCases } from '@eventsourced/core/conformance'
import { afterAll, beforeAll, describe, inject, it } from 'vitest'
import { type RunningStore, stores } from './stores.ts'

for (const store of stores) {
  describe(store.name, () => {
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
  })
}

it('names no case twice', ({ expect }) => {
  const names = conformanceCases.map(({ group, name }) => `${group}: ${name}`)
  expect(names).toEqual([...new Set(names)])
})
