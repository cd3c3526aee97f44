/** Tests that readers of large events need little memory: their pages are bounded in bytes, and not only in events. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startBounded } from '../child-program.ts'
import { type Ground, oneEmulator, startGround } from './ground.ts'

const large = 250

describe.each(oneEmulator)('memory on %s', (name) => {
  let ground: Ground
  beforeAll(async () => {
    ground = await startGround(name)
  })
  afterAll(() => ground?.end())

  it('250 events of 1 MB are read with a heap of 128 MB', async () => {
    const table = ground.table()
    const { store } = ground.open(table)
    for (let number = 0; number < large; number++) {
      // The emulator stores them compressed, so that the test is fast. A reader decodes all of their text.
      await store.append(`s-${number % 20}`, [
        { type: 'Large', data: { number, filler: String.fromCharCode(97 + (number % 26)).repeat(990_000) } },
      ])
    }
    await store.append('small', [{ type: 'Small', data: {} }])
    const reader = startBounded(
      128,
      new URL('./programs/large-log-reader.ts', import.meta.url),
      ground.endpoint,
      table,
    )
    const all = large + 1
    expect(await reader.said()).toEqual({
      forward: all,
      backward: all,
      filtered: 1,
      '1 partitions': all,
      '4 partitions': all,
    })
    expect((await reader.ended).exitCode).toBe(0)
  })
})
