/** Tests a process that reads what it has written, while another process with many subscriptions projects it. */
import { projection } from '@eventsourced/core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Ground, oneEmulator, startGround } from './ground.ts'

const rounds = 4

describe.each(oneEmulator)('on %s', (emulator) => {
  let ground: Ground
  beforeAll(async () => {
    ground = await startGround(emulator)
  })
  afterAll(() => ground?.end())

  // Fault: the checkpoints of a process waited for their budget for up to 5 s, which is the default timeout of `atLeast`. So most
  // reads failed.
  it('a view in another process reaches the position of an append within the default timeout', {
    timeout: 60_000,
  }, async () => {
    const table = ground.table()
    const { store: workers } = ground.open(table)
    const { store } = ground.open(table)
    const paid = projection({
      name: 'paid',
      events: ['Paid'],
      key: ({ streamId }) => streamId,
      initialState: () => 0,
      evolve: (count: number) => count + 1,
    })
    const subscriptions = [
      workers.subscribe({ projection: paid }),
      ...Array.from({ length: 20 }, (_, nth) => workers.subscribe({ name: `s-${nth}`, handle: () => {} })),
    ]
    for (const subscription of subscriptions) await subscription.caughtUp()
    for (let round = 0; round < rounds; round++) {
      // The projection does not select the event, but its checkpoint passes it.
      const { position } = await store.append('a', [{ type: 'Ordered', data: {} }])
      expect(await store.view(paid).get('a', { atLeast: position })).toBeUndefined()
    }
  })
})
