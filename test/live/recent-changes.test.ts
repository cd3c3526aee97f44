/** The newest changes of a feed, which watches that resume read. */
import { expect, it } from 'vitest'
import { range } from '../../src/conformance/events.ts'
import { RecentChanges } from '../../src/live/recent-changes.ts'

const change = (position: number, count: number) => ({
  position,
  keys: range(1, count).map((number) => `${position}-${number}`),
})
const keysOf = (recent: RecentChanges) => recent.keysAfter(recent.after, () => true).size

it('keeps at most 10,000 keys, however many documents each event changes', () => {
  const recent = new RecentChanges(0)
  for (const position of range(1, 20)) recent.add([change(position, 1_000)])
  expect([recent.after, keysOf(recent), recent.hasRoom]).toEqual([10, 10_000, false])
  recent.add([change(21, 1)])
  expect([recent.after, keysOf(recent), recent.hasRoom]).toEqual([11, 9_001, true])
  recent.prepend([change(11, 999)], 10)
  expect([recent.after, keysOf(recent), recent.hasRoom]).toEqual([10, 10_000, false])
  // An event that has too many keys alone.
  recent.add([change(22, 10_001)])
  expect([recent.after, keysOf(recent), recent.hasRoom]).toEqual([22, 0, true])
})
