/** Runs the conformance suite on each store. A case is skipped, with the reason, if the store lacks a feature it needs. */
import { type ConformanceCase, conformanceCases } from '@eventsourced/core/conformance'
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import type { RunningStore, StoreUnderTest } from './store-under-test.ts'
import { stores } from './stores.ts'

/**
 * Runs every fourth case of the suite on each store. Four test files share the cases: the slowest store takes longer than
 * all others together, and one file for it would run alone at the end.
 */
export function conformEveryFourth(from: 0 | 1 | 2 | 3): void {
  const own = conformanceCases.filter((_, index) => index % 4 === from)
  for (const store of stores) {
    describe(store.name, () => conform(store, own))
  }
  it('names no case twice', () => {
    const names = conformanceCases.map(({ group, name }) => `${group}: ${name}`)
    expect(names).toEqual([...new Set(names)])
  })
}

function conform(store: StoreUnderTest, cases: readonly ConformanceCase[]): void {
  let running: RunningStore | undefined
  const missing = store.missing?.()
  beforeAll(async () => {
    if (missing !== undefined) return
    running = await store.start(store.server && inject('servers')[store.server])
  })
  afterAll(() => running?.stop())

  for (const { group, name, needs = [], run } of cases) {
    it(`${group}: ${name}`, async ({ skip }) => {
      if (missing !== undefined) skip(`${store.name} does not run here: ${missing}`)
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
