/** Passes random values, and changed images of items, to the decoder of DynamoDB's items. */
import assert from 'node:assert/strict'
import { hasCode } from '@eventsourced/core'
import { eventsOf, type ItemImage, kindOf, slotOf } from '@eventsourced/core/dynamodb/items'
import fc from 'fast-check'
import { it } from 'vitest'
import { encodeText } from '../../src/dynamodb/commits/commit-body.ts'
import { slotItem } from '../../src/dynamodb/log/slot-item.ts'
import { anyValue } from './any-value.ts'
import { runs } from './runs.ts'

const body = JSON.stringify([['id', 'Counted', { number: 1 }, {}, ['tag'], 1_000, 0]])
const commit = {
  p: { S: 'S#a' },
  s: { S: 'e#0000000000000001' },
  v: { N: '1' },
  t: { N: '1000' },
  g: { N: '1' },
  o: { N: '1' },
  ...encodeText(body, true).parts[0],
}
const run = { streamId: 'a', firstVersion: 1, count: 1, types: ['Counted'], commit: 1, bytes: 0 }
const slot = slotItem(
  { number: 1, first: 1, runs: [run], commits: [], recordedAt: 1_000, writtenAt: 1_000 },
  true,
)

const throwing = new Proxy(
  {},
  {
    get() {
      throw new Error('this property cannot be read')
    },
  },
)
const value = fc.oneof(anyValue, fc.constant(throwing))
const attribute = fc.oneof(
  value,
  fc.record({ S: fc.string() }),
  fc.record({ N: fc.oneof(fc.integer().map(String), fc.string()) }),
  fc.record({ B: fc.oneof(fc.uint8Array(), fc.base64String()) }),
)
const names = fc.constantFrom('p', 's', 'v', 't', 'o', 'm', 'z', 'e', 'b', 'w', 'x')
const image = fc.oneof(
  value,
  fc
    .tuple(fc.constantFrom(commit, slot), fc.dictionary(names, attribute, { maxKeys: 2 }))
    .map(([item, changes]) => ({ ...item, ...changes })),
)

/** Whether a call returns, or fails with an error of the library. */
function isSettled(call: () => unknown): boolean {
  try {
    call()
    return true
  } catch (error) {
    return hasCode(error, 'invalid-input') || hasCode(error, 'schema-mismatch')
  }
}

it('the decoder returns, or throws a documented error', () => {
  assert.equal(eventsOf(commit).kind, 'events')
  assert.equal(slotOf(slot).runs.length, 1)
  fc.assert(
    fc.property(fc.array(image, { maxLength: 3 }), (images) => {
      assert.ok(isSettled(() => eventsOf(images as ItemImage[])))
      for (const one of images as ItemImage[]) {
        assert.ok(['commit', 'commit-part', 'slot', 'other'].includes(kindOf(one)))
        assert.ok(isSettled(() => eventsOf(one)))
        assert.ok(isSettled(() => slotOf(one)))
      }
    }),
    runs(2_000, 10),
  )
})
