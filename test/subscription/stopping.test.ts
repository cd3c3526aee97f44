/** Stopping a subscription: what still happens, what is stored, and who goes on. */
import { describe, expect, it } from 'vitest'
import { latch } from '../../src/conformance/expect.ts'
import { systemClock } from '../../src/runtime/clock.ts'
import type { Subscription } from '../../src/subscription/subscription.ts'
import { engine, fails, name, useEngine, useSteadyTime } from './engine.ts'

useEngine()

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await systemClock.sleep(5)
}

describe('stopping', () => {
  it('finishes the event that is handled, and no other, and stores that it was', async () => {
    await engine.append(3)
    const [begun, finish] = [latch(), latch()]
    const seen: number[] = []
    const subscription = engine.start({
      name,
      async handle({ position }) {
        begun.release()
        await finish.released
        seen.push(position)
      },
    })
    await begun.released
    const stopped = subscription.stop()
    expect((await subscription.status()).state).toBe('stopping')
    finish.release()
    await stopped
    await subscription.done
    expect(seen).toEqual([1])
    expect(await engine.storage.checkpoints(name)).toEqual([{ partition: 0, position: 1, owner: undefined }])
    await subscription.stop()
  })

  it('gives up on a handler that never returns, and leaves its event to others', async () => {
    await engine.append(2)
    const begun = latch()
    const subscription = engine.start({
      name,
      handle: ({ position }) => {
        if (position === 1) return
        begun.release()
        return new Promise(() => {})
      },
    })
    await begun.released
    await subscription.stop({ timeout: 10 })
    const seen: number[] = []
    const next = engine.start({ name, handle: ({ position }) => void seen.push(position) })
    await next.caughtUp({ timeout: 5_000 })
    // The first was handled, but what was given up cannot tell that any more.
    expect(seen.at(-1)).toBe(2)
  })

  it('keeps the lease while the handler finishes, however long that takes', async () => {
    useSteadyTime()
    await engine.append(1)
    const [begun, finish] = [latch(), latch()]
    let calls = 0
    const handle = async () => {
      calls++
      begun.release()
      await finish.released
    }
    const first = engine.start({ name, leaseTime: 60, handle })
    await begun.released
    const stopped = first.stop()
    const second = engine.start({ name, leaseTime: 60, handle })
    await systemClock.sleep(200)
    expect(calls).toBe(1)
    finish.release()
    await stopped
    await second.caughtUp()
    expect(calls).toBe(1)
  })

  it('in favour of another worker is not undone by an answer from before', async () => {
    useSteadyTime()
    const begun: string[] = []
    const [asked, given, answered] = [latch(), latch(), latch()]
    let isGivingUp = false
    engine.environment = {
      ...engine.environment,
      storage: {
        ...engine.storage,
        async keepLeases(...parameters) {
          const kept = await engine.storage.keepLeases(...parameters)
          if (isGivingUp) {
            // The next look finds the lease still here, and is answered when it is not any more.
            asked.release()
            await given.released
            await new Promise(setImmediate)
            setImmediate(answered.release)
          }
          return kept
        },
        async releaseLeases(...parameters) {
          // Who it is for is gone again, so that the share is as it was.
          await engine.storage.leave(name, 'other')
          isGivingUp = true
          await asked.released
          await engine.storage.releaseLeases(...parameters)
          given.release()
        },
        // The first thing that is done with a lease.
        parkedToHandle(lease, ...rest) {
          begun.push(`${lease.partition}/${lease.token}`)
          return engine.storage.parkedToHandle(lease, ...rest)
        },
      },
    }
    const subscription = engine.start({ name, partitions: 2, leaseTime: 90, handle() {} })
    await until(() => begun.length === 2)
    await engine.storage.keepLeases(name, 'other', 60_000)
    await answered.released
    await until(() => begun.length > 2)
    await subscription.stop()
    expect(begun).toEqual(['0/1', '1/1', '1/2'])
  })

  it('ends a pause between two tries', async () => {
    await engine.append(1)
    const failed = latch()
    const subscription = engine.start({
      name,
      onError: { backoff: 30_000 },
      handle() {
        failed.release()
        fails()
      },
    })
    await failed.released
    await subscription.stop()
    expect((await engine.storage.checkpoints(name))[0]?.position).toBe(0)
  })

  it('happens at the end of a block', async () => {
    let used: Subscription
    {
      await using subscription = engine.start({ name, handle() {} })
      await subscription.caughtUp()
      used = subscription
    }
    expect((await used.status()).state).toBe('stopped')
  })
})
