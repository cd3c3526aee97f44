/** Which decider the screen of a stream takes. */
import { expect, it } from 'vitest'
import { chooseDecider, noDecider } from '../../../page/src/screens/stream/choose-decider.ts'

const deciders = ['order', 'orderLine', 'stock']

it.each([
  ['order-1', undefined, 'order'],
  ['Order/1', undefined, 'order'],
  ['orderLine-1', undefined, 'orderLine'],
  ['payment-1', undefined, undefined],
  ['payment-1', 'stock', 'stock'],
  ['order-1', 'a removed one', 'order'],
  ['order-1', noDecider, undefined],
])('of the stream %s, with %s in the address: %s', (streamId, chosen, expected) => {
  expect(chooseDecider(deciders, streamId, chosen)).toBe(expected)
})
