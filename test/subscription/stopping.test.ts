/** Stopping a subscription: which event is finished, which checkpoint is stored, and how another worker takes over. */
import { describe, expect, it } from 'vitest'
import { latch } from '../../src/conformance/expect.ts'
import { systemClock } from '../../src/runtime/clock.ts'
import type { Subscription } from '../../src/subscription/subscription.ts'
import { engine, fails, name, useEngine, useSteadyTime } from './engine.ts'

useEngine()

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await systemClock.sleep(5)
}

/** Makes transactions hold their leases, as on a single connection: heartbeats wait for the running transaction. */
function transactionsHoldLeases(beforeHolding: () => Promise<void> = async () => {}): void {
  let running: Promise<unknown> = Promise.resolve()
  engine.environment = {
    ...engine.environment,
    storage: {
      ...engine.storage,
      transaction(what, work, signal) {
        const holdLease = () => beforeHolding().then(() => true)
        const holding: typeof work = (transaction) => work(Object.assign(transaction, { holdLease }))
        const transaction = engine.storage.transaction(what, holding, signal)
        running = transaction.catch(() => {})
        return transaction
      },
      async keepLeases(...parameters) {
        await running
        return engine.storage.keepLeases(...parameters)
      },
    },
  }
}

describe('stopping', () => {
  it('finishes the current event, starts no other, and stores the checkpoint', async () => {
    await engine.append(3)
    const [started, finish] = [latch(), latch()]
    const seen: number[] = []
    const subscription = engine.start({
      name,
      async handle({ position }) {
        started.release()
        await finish.released
        seen.push(position)
      },
    })
    await started.released
    const stopped = subscription.stop()
    expect((await subscription.status()).state).toBe('stopping')
    finish.release()
    await stopped
    await subscription.done
    expect(seen).toEqual([1])
    expect(await engine.storage.checkpoints(name)).toEqual([{ partition: 0, position: 1, owner: undefined }])
    await subscription.stop()
  })

  it('abandons a handler that never returns, and leaves its event to the next worker', async () => {
    await engine.append(2)
    const started = latch()
    const subscription = engine.start({
      name,
      handle: ({ position }) => {
        if (position === 1) return
        started.release()
        return new Promise(() => {})
      },
    })
    await started.released
    await subscription.stop({ timeout: 10 })
    const seen: number[] = []
    const next = engine.start({ name, handle: ({ position }) => void seen.push(position) })
    await next.caughtUp({ timeout: 5_000 })
    // The next worker may handle the first event again, because the abandoned worker did not store its checkpoint.
    expect(seen.at(-1)).toBe(2)
  })

  // A storage that does not answer held up the stop: for its page, its checkpoint, its leases, and its goodbye.
  it.each(['readLogPage', 'advance', 'releaseLeases', 'leave', 'keepLeases'] as const)(
    'takes no longer than its timeout while the storage does not answer %s',
    async (silent) => {
      await engine.append(2)
      let isSilent = false
      const asked = latch()
      const unanswered =
        (method: (...parameters: never[]) => Promise<unknown>) =>
        (...parameters: never[]) => {
          if (!isSilent) return method(...parameters)
          asked.release()
          return new Promise(() => {})
        }
      const original = engine.storage[silent].bind(engine.storage) as (
        ...parameters: never[]
      ) => Promise<unknown>
      engine.use({
        storage: { ...engine.storage, [silent]: unanswered(original) },
      })
      const subscription = engine.start({ name, handle() {}, pollInterval: 5 })
      await subscription.caughtUp()
      isSilent = true
      await engine.append(1)
      if (silent === 'readLogPage' || silent === 'advance' || silent === 'keepLeases') await asked.released
      const startedAt = performance.now()
      await subscription.stop({ timeout: 50 })
      // Far below the lease time (15 s), and above the pauses of a busy machine.
      expect(performance.now() - startedAt).toBeLessThan(5_000)
    },
  )

  it('a worker whose leases are not renewed, because the storage does not answer, says so in its state', async () => {
    let isSilent = false
    let lastError: unknown
    const states: unknown[] = []
    engine.use({
      storage: {
        ...engine.storage,
        keepLeases: (...parameters) =>
          isSilent ? new Promise(() => {}) : engine.storage.keepLeases(...parameters),
        readLogPage: (...parameters) =>
          isSilent ? new Promise(() => {}) : engine.storage.readLogPage(...parameters),
      },
    })
    const subscription = engine.start({
      name,
      leaseTime: 60,
      handle() {},
      onStateChange(state, { error }) {
        states.push(state)
        lastError = error
      },
    })
    await subscription.caughtUp()
    await until(() => states.at(-1) === 'live')
    isSilent = true
    await until(() => states.at(-1) === 'retrying')
    expect(lastError).toMatchObject({ code: 'store-unavailable' })
    await subscription.stop({ timeout: 10 })
  })

  // The heartbeat's answer came after the transaction, and was older than the lease time. So the worker took its own
  // transaction for a silent storage, and abandoned the next event.
  it('a worker whose transaction holds the lease for longer than the lease time does not take it for expired', async () => {
    useSteadyTime()
    transactionsHoldLeases()
    await engine.append(2)
    const states: unknown[] = []
    const subscription = engine.start({
      name,
      transactional: true,
      leaseTime: 60,
      handle: () => systemClock.sleep(200),
      onStateChange: (state) => void states.push(state),
    })
    await subscription.caughtUp()
    await systemClock.sleep(60)
    expect(states).toEqual(['leasing', 'catching-up', 'live'])
    await subscription.stop()
  })

  it('keeps the lease while the handler finishes, however long that takes', async () => {
    useSteadyTime()
    await engine.append(1)
    const [started, finish] = [latch(), latch()]
    let calls = 0
    const handle = async () => {
      calls++
      started.release()
      await finish.released
    }
    const first = engine.start({ name, leaseTime: 60, handle })
    await started.released
    const stopped = first.stop()
    const second = engine.start({ name, leaseTime: 60, handle })
    await systemClock.sleep(200)
    expect(calls).toBe(1)
    finish.release()
    await stopped
    await second.caughtUp()
    expect(calls).toBe(1)
  })

  it('a partition in favour of another worker is not undone by a late answer', async () => {
    useSteadyTime()
    const started: string[] = []
    const [asked, released, answered] = [latch(), latch(), latch()]
    let isReleasing = false
    engine.use({
      storage: {
        ...engine.storage,
        async keepLeases(...parameters) {
          const kept = await engine.storage.keepLeases(...parameters)
          if (isReleasing) {
            // This renewal still lists the lease, and its answer arrives after the release.
            asked.release()
            await released.released
            await new Promise(setImmediate)
            setImmediate(answered.release)
          }
          return kept
        },
        async releaseLeases(leases, worker) {
          // Makes the other worker leave, so that this worker may hold both partitions again.
          await engine.storage.leave(leases[0]?.place as string, 'other')
          isReleasing = true
          await asked.released
          await engine.storage.releaseLeases(leases, worker)
          released.release()
        },
        // The first call that a worker makes with a new lease.
        parkedStreams(lease, ...rest) {
          started.push(`${lease.partition}/${lease.token}`)
          return engine.storage.parkedStreams(lease, ...rest)
        },
      },
    })
    const subscription = engine.start({
      name,
      partitions: 2,
      leaseTime: 90,
      onError: { action: 'block-stream' },
      handle() {},
    })
    await until(() => started.length === 2)
    const { place = '' } = (await engine.storage.readSubscription(name)) ?? {}
    const other = { subscription: name, place, version: 1, worker: 'other', milliseconds: 60_000 }
    await engine.storage.keepLeases([other])
    await answered.released
    await until(() => started.length > 2)
    await subscription.stop()
    expect(started).toEqual(['0/1', '1/1', '1/2'])
  })

  it('while a transaction begins calls no handler once the partition is abandoned', async () => {
    const [begun, granted] = [latch(), latch()]
    transactionsHoldLeases(async () => {
      begun.release()
      await granted.released
    })
    let calls = 0
    await engine.append(1)
    const subscription = engine.start({ name, transactional: true, handle: () => void calls++ })
    await begun.released
    await subscription.stop({ timeout: 10 })
    granted.release()
    await new Promise(setImmediate)
    expect(calls).toBe(0)
  })

  it('ends the pause between two attempts', async () => {
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

  it('happens at the end of an await using block', async () => {
    let used: Subscription
    {
      await using subscription = engine.start({ name, handle() {} })
      await subscription.caughtUp()
      used = subscription
    }
    expect((await used.status()).state).toBe('stopped')
  })
})
