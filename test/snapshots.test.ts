/** Random commands have the same outcomes with snapshots as without them, also if the snapshots are old, wrong or gone. */
import assert from 'node:assert/strict'
import type { EventStore, Snapshot } from '@eventsourced/core'
import fc from 'fast-check'
import { it } from 'vitest'
import { outcomesOf, step } from './random-commands.ts'

const damage = fc.constantFrom(
  'none',
  'none',
  'none',
  'save',
  'restore',
  'delete',
  'other id',
  'later',
  'no JSON',
)

/** Returns a function that changes the stored snapshots before each step, as a restored database may do. */
function damaging(damages: readonly (typeof damage extends fc.Arbitrary<infer T> ? T : never)[]) {
  const saved = new Map<string, Snapshot>()
  return async ({ snapshots }: EventStore, index: number) => {
    for (const stream of ['a', 'b']) {
      const stored = await snapshots.read('purse', stream)
      const write = (snapshot: Snapshot) =>
        snapshots.write('purse', stream, snapshot, { replaces: stored?.version })
      if (stored === undefined) continue
      const content = JSON.parse(stored.json)
      const wrong = { ...content, state: 1_000 }
      switch (damages[index]) {
        case 'save':
          saved.set(stream, stored)
          break
        case 'restore':
          await write(saved.get(stream) ?? stored)
          break
        case 'delete':
          await snapshots.delete('purse', { streamId: stream })
          break
        case 'other id': {
          const id = '00000000-0000-4000-8000-000000000000'
          const json = JSON.stringify({ ...wrong, stream: { ...content.stream, lastId: id } })
          await write({ version: stored.version, json })
          break
        }
        case 'later': {
          const version = stored.version + 3
          const id = '00000000-0000-4000-8000-000000000000'
          const json = JSON.stringify({ ...wrong, stream: { ...content.stream, version, lastId: id } })
          await write({ version, json })
          break
        }
        case 'no JSON':
          await write({ version: stored.version, json: '"x"' })
          break
      }
    }
  }
}

it('sequential commands have the same outcomes with and without snapshots', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.tuple(step, damage), { maxLength: 30, size: 'max' }),
      fc.integer({ min: 1, max: 5 }),
      fc.boolean(),
      fc.constantFrom(0, 1, 10),
      fc.constantFrom(0, 3),
      async (program, every, wait, cacheSize, retries) => {
        const steps = program.map(([one]) => one)
        const snapshot = { name: 'purse', version: 1, every, wait }
        const without = await outcomesOf(steps, { retries })
        const damages = damaging(program.map(([, one]) => one))
        assert.deepEqual(await outcomesOf(steps, { cacheSize, retries, snapshot }, damages), without)
      },
    ),
    { numRuns: 250 },
  )
})
