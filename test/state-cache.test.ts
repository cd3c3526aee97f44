/** Random commands have the same outcomes with a state cache as without one. */
import assert from 'node:assert/strict'
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { jsonRoundTrip } from '../src/input/json-round-trip.ts'
import { outcomesOf, step } from './random-commands.ts'

it('sequential commands have the same outcomes with and without a cache', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(step, { maxLength: 30, size: 'max' }),
      fc.constantFrom(1, 10),
      fc.constantFrom(0, 3),
      async (steps, cacheSize, retries) => {
        const without = await outcomesOf(steps, { retries })
        assert.deepEqual(await outcomesOf(steps, { cacheSize, retries }), without)
      },
    ),
    { numRuns: 2000 },
  )
})

it('the events that a handler returns equal what JSON makes of them', () => {
  fc.assert(
    fc.property(fc.jsonValue(), fc.jsonValue(), (one, other) => {
      const value = { one, list: [other, -0], absent: undefined, ['__proto__']: { one, absent: undefined } }
      assert.deepEqual(jsonRoundTrip(value), JSON.parse(JSON.stringify(value)))
      expect(jsonRoundTrip(one)).toEqual(JSON.parse(JSON.stringify(one)))
    }),
  )
})
