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
