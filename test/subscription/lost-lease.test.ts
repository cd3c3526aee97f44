/** A worker that has lost its leases without noticing: it must not continue from what other workers have stored since. */
import { expect, it } from 'vitest'
import { range } from '../../src/conformance/events.ts'
import { latch } from '../../src/conformance/expect.ts'
import { StoreUnavailableError } from '../../src/errors/index.ts'
import { sleep } from '../../src/runtime/abort.ts'
import { partitionOf } from '../../src/storage/partition.ts'
import type { RegisteredSubscription } from '../../src/storage/registry.ts'
import { engine, useEngine } from './engine.ts'

useEngine()

/** A stream that is in the first of two partitions, and in the second of three. */
const stream = range(1, 100)
  .map((number) => `stream-${number}`)
  .find((one) => partitionOf(one, 2) === 0 && partitionOf(one, 3) === 1) as string

it('does not continue at the checkpoint of another partition when the streams were divided again', async () => {
  const { storage } = engine
  const handled: number[] = []
  let isDown = false
  const { release: failNext, released: hasFailed } = latch()
  let heartbeat: Promise<void> = Promise.resolve()
  engine.use({
    storage: {
      ...storage,
      async keepLeases(beats, signal) {
        await heartbeat
        return storage.keepLeases(beats, signal)
      },
      async readLogPage(query, signal) {
        if (isDown) {
          failNext()
          throw new StoreUnavailableError('Reading the log', 1, 'on purpose')
        }
        return storage.readLogPage(query, signal)
      },
    },
  })
  const handle = ({ position }: { readonly position: number }) => void handled.push(position)
  const subscription = engine.start({ name: 's', partitions: 2, pollInterval: 5, handle })
  await engine.append(1, 1, stream)
  await subscription.caughtUp()

  const { release, released } = latch()
  heartbeat = released
  isDown = true
  await hasFailed
  const before = (await storage.readSubscription('s')) as RegisteredSubscription
  expect(await storage.changeSubscription(before, { partitions: 3 })).toBe(true)
  await engine.append(1, 2, stream)
  const reached = await storage.lastPosition()
  const beat = { subscription: 's', place: before.place as string, version: 1, worker: 'other' }
  const [kept] = await storage.keepLeases([{ ...beat, milliseconds: 60_000 }])
  const leases = kept?.kind === 'kept' ? kept.leases : []
  // The other worker has handled the first of the three partitions, but not the one with the stream.
  const first = leases.filter(({ partition }) => partition === 0)
  await storage.advance(first.map((lease) => ({ lease, position: reached })))
  await storage.releaseLeases(leases, 'other')
  await storage.leave(beat.place, 'other')
  await engine.append(1, 3, stream)

  isDown = false
  // Long enough for the next try of the partition that could not read.
  await sleep(300)
  release()
  await subscription.caughtUp()
  // Some may be handled again, but none before an earlier event of the stream.
  expect([...new Set(handled)]).toEqual([1, 2, 3])
})
