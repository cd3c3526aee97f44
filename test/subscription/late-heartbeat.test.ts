/** Heartbeats whose answer comes after the lease time: a storage that takes long to grant many leases at once. */
import { expect, it } from 'vitest'
import { sleep } from '../../src/runtime/abort.ts'
import { engine, useEngine } from './engine.ts'

useEngine()

const leaseTime = 150

it('keeps leases that were granted too late to use them, and uses them after the next heartbeat', async () => {
  const { storage } = engine
  const tokens = new Set<number>()
  engine.use({
    storage: {
      ...storage,
      async keepLeases(beats, signal) {
        const answers = await storage.keepLeases(beats, signal)
        const leases = answers.flatMap((kept) => (kept.kind === 'kept' ? kept.leases : []))
        const isNew = leases.some(({ token }) => !tokens.has(token))
        for (const { token } of leases) tokens.add(token)
        // To take a lease takes longer than to renew one.
        await sleep(leaseTime * (isNew ? 1.5 : 0.4))
        return answers
      },
    },
  })
  await engine.append(3)
  let handled = 0
  const handle = async () => {
    await sleep(20)
    handled++
  }
  const subscription = engine.start({ name: 's', leaseTime, handle })
  await subscription.caughtUp({ timeout: 5_000 })
  expect(tokens.size).toBe(1)
  expect(handled).toBe(3)
})

// Fault: with 50 subscriptions on a busy store, every call took longer than the lease time. Each worker then abandoned its
// partitions, and no subscription ever moved on.
it('keeps its leases while calls take longer than the lease time, if the storage renews them meanwhile', async () => {
  const { storage } = engine
  engine.use({
    storage: {
      ...storage,
      async keepLeases(beats, signal, renewed = () => {}) {
        const answers = await storage.keepLeases(beats, signal)
        for (let part = 0; part < 6; part++) {
          await sleep(leaseTime / 3)
          await storage.keepLeases(beats, signal)
          renewed(0)
        }
        return answers
      },
    },
  })
  await engine.append(20)
  const handled: number[] = []
  const states = new Set<string>()
  const subscription = engine.start({
    name: 's',
    leaseTime,
    async handle({ position }) {
      await sleep(leaseTime / 3)
      handled.push(position)
    },
    onStateChange: (state) => states.add(state),
  })
  await subscription.caughtUp({ timeout: 10_000 })
  expect(handled).toHaveLength(20)
  expect(states).not.toContain('retrying')
})

it('counts the lease time from the last renewal, not from the answer that reports it', async () => {
  const { storage } = engine
  let calls = 0
  engine.use({
    storage: {
      ...storage,
      async keepLeases(beats, signal, renewed = () => {}) {
        const answers = await storage.keepLeases(beats, signal)
        if (calls++ === 0) return answers
        renewed(0.9 * leaseTime)
        await sleep(10 * leaseTime)
        return answers
      },
    },
  })
  await engine.append(1)
  const began = performance.now()
  let abandonedAfter = 0
  const subscription = engine.start({
    name: 's',
    leaseTime,
    handle: () => {},
    onStateChange: (state) => {
      if (state === 'retrying') abandonedAfter ||= performance.now() - began
    },
  })
  await expect.poll(() => abandonedAfter, { timeout: 10 * leaseTime }).toBeGreaterThan(0)
  // The second call begins after a third of the lease time, and the renewal that it reports is nearly as old as a lease.
  expect(abandonedAfter).toBeLessThan(3 * leaseTime)
  await subscription.stop({ timeout: 0 })
})
