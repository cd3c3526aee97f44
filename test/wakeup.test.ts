/** Sleeping until an append or a timeout. */
import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { Wakeup } from '../src/runtime/wakeup.ts'

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
})
afterEach(() => {
  vi.useRealTimers()
})

it('wakes all callers that sleep', async () => {
  const wakeup = new Wakeup()
  const sleeping = [1, 2, 3].map(() => wakeup.wait(60_000, wakeup.count, undefined))
  wakeup.wake()
  await Promise.all(sleeping)
  expect(vi.getTimerCount()).toBe(0)
})

it('does not sleep if a wake-up came after the caller read the count', async () => {
  const wakeup = new Wakeup()
  const countBefore = wakeup.count
  wakeup.wake()
  await wakeup.wait(60_000, countBefore, undefined)
  expect(vi.getTimerCount()).toBe(0)
})

it('ends a sleep after its timeout', async () => {
  const wakeup = new Wakeup()
  const sleeping = wakeup.wait(60_000, wakeup.count, undefined)
  await vi.advanceTimersByTimeAsync(60_000)
  await sleeping
})

it('rejects a sleep with the reason of the signal, and leaves no timer', async () => {
  const wakeup = new Wakeup()
  const controller = new AbortController()
  const sleeping = wakeup.wait(60_000, wakeup.count, controller.signal)
  const reason = new Error('aborted')
  controller.abort(reason)
  await expect(sleeping).rejects.toBe(reason)
  expect(vi.getTimerCount()).toBe(0)
})
