/** Large appends: taken as a whole or refused as a whole, and what they are to others meanwhile. */
import assert from 'node:assert/strict'
import { type EventStore, hasCode } from '@eventsourced/core'
import { afterAll, beforeAll, describe, inject, it } from 'vitest'
import { counted, numbersOf, range, streamOf } from '../../src/conformance/events.ts'
import { failure } from '../../src/conformance/expect.ts'
import { isMissing } from '../emulators/start.ts'
import { type RunningStore, stores } from '../stores.ts'

const count = 70_000

for (const { name, server, emulator, start } of stores) {
  const missing = emulator && isMissing(emulator)
  describe.skipIf(missing)(missing ? `${name}: ${missing}` : name, () => {
    let running: RunningStore | undefined
    beforeAll(async () => {
      running = await start(server && inject('servers')[server])
    })
    afterAll(() => running?.stop())

    async function withStore(use: (store: EventStore) => Promise<void>): Promise<void> {
      const world = await running?.world()
      if (world === undefined) throw new Error(`${name} did not start`)
      try {
        await use(await world.open())
      } finally {
        await world.end()
      }
    }

    it('an append of 70,000 events of which the last is wrong writes nothing, and the store goes on', () =>
      withStore(async (store) => {
        const events = [...counted(count - 1), { type: 'T', data: Number.NaN }]
        const error = await failure(store.append('a', events))
        assert.ok(hasCode(error, 'invalid-input'))
        assert.equal(error.field, `events[${count - 1}].data`)
        assert.equal((await store.readStream('a')).exists, false)
        assert.equal((await store.append('a', counted(1))).version, 1)
      }))

    it('while 70,000 events are appended in one call, others get their answers', () =>
      withStore(async (store) => {
        await store.append('b', counted(1))
        let isOver = false
        const large = store.append('a', counted(count)).finally(() => {
          isOver = true
        })
        let answered = 1
        do {
          await store.append('b', counted(1, answered + 1))
          answered++
        } while (!isOver)
        assert.equal((await large).version, count)
        assert.deepEqual(numbersOf(await streamOf(store, 'b')), range(1, answered))
      }))
  })
}
