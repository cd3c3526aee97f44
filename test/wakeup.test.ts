/** Sleeping until somebody appends, or a time has passed. */
import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { Wakeup } from '../src/runtime/wakeup.ts'

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
})
afterEach(() => {
  vi.useRealTimers()
})

it('wakes everyone who sleeps', async () => {
  const wakeup = new Wakeup()
  const sleeping = [1, 2, 3].map(() => wakeup.wait(60_000, wakeup.count, undefined))
  wakeup.wake()
  await Promise.all(sleeping)
  expect(vi.getTimerCount()).toBe(0)
})

it('does not let anyone sleep who was woken since he looked', async () => {
  const wakeup = new Wakeup()
  const noted = wakeup.count
  wakeup.wake()
  await wakeup.wait(60_000, noted, undefined)
  expect(vi.getTimerCount()).toBe(0)
})

it('ends a sleep after its time', async () => {
  const wakeup = new Wakeup()
  const sleeping = wakeup.wait(60_000, wakeup.count, undefined)
  await vi.advanceTimersByTimeAsync(60_000)
  await sleeping
})

it('ends a sleep with the reason of the signal, and leaves no timer', async () => {
  const wakeup = new Wakeup()
  const controller = new AbortController()
  const sleeping = wakeup.wait(60_000, wakeup.count, controller.signal)
  const reason = new Error('given up')
  controller.abort(reason)
  await expect(sleeping).rejects.toBe(reason)
  expect(vi.getTimerCount()).toBe(0)
})
