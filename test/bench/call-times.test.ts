/** The percentiles of the times that calls take, and the closed loop that measures them. */
import { afterEach, expect, it, vi } from 'vitest'
import { callTimesOf } from '../../bench/call-times.ts'
import { closedLoop } from '../../bench/closed-loop.ts'

afterEach(() => vi.restoreAllMocks())

it('gives the times that 50, 95 and 99 of 100 calls do not exceed, in any order', () => {
  const times = Array.from({ length: 100 }, (_, index) => 100 - index)
  expect(callTimesOf(times)).toEqual({ p50: 50, p95: 95, p99: 99 })
})

it('gives the slowest of a few calls as their 99 %, and sorts by value', () => {
  expect(callTimesOf([9, 100, 20])).toEqual({ p50: 20, p95: 100, p99: 100 })
  expect(callTimesOf([7])).toEqual({ p50: 7, p95: 7, p99: 7 })
})

it('measures each call of a loop: one slow call in fifty shows in the highest percentile only', async () => {
  let now = 0
  vi.spyOn(performance, 'now').mockImplementation(() => now)
  let calls = 0
  const { operations, perSecond, callTimes } = await closedLoop(1, 1, async () => {
    now += ++calls % 50 === 0 ? 50 : 1
  })
  expect({ operations, perSecond }).toEqual({ operations: 510, perSecond: 510 })
  expect(callTimes).toEqual({ p50: 1, p95: 1, p99: 50 })
})
