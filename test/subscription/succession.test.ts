/** Successors: several processes that start one at the same time, and one that was removed. */
import { expect, it } from 'vitest'
import { startSubscription } from '../../src/subscription/start.ts'
import type { SubscribeOptions } from '../../src/subscription/subscription.ts'
import { engine, useEngine } from './engine.ts'

useEngine()

const former = { name: 'former', handle() {} }
const successorOf = (handled: number[]): SubscribeOptions => ({
  name: 'successor',
  from: { after: 'former', otherwise: 'beginning' },
  handle: ({ position }) => void handled.push(position),
})

async function startFormer(): Promise<void> {
  const subscription = engine.start(former)
  await subscription.caughtUp()
  await subscription.stop()
}

it('starts a successor that another process registers between the two looks of this one', async () => {
  await engine.append(2)
  await startFormer()
  const { storage } = engine
  const [first, second]: [number[], number[]] = [[], []]
  let isRegistered = false
  engine.use({
    storage: {
      ...storage,
      async readSubscription(name, signal) {
        const found = await storage.readSubscription(name, signal)
        if (name === 'successor' && found === undefined && !isRegistered) {
          isRegistered = true
          const other = engine.environmentOf({ ...engine.environment, storage })
          const { subscription } = startSubscription(other, successorOf(first), () => {})
          await subscription.caughtUp()
          await subscription.stop()
        }
        return found
      },
    },
  })
  const subscription = engine.start(successorOf(second))
  await subscription.caughtUp()
  await engine.append(1, 3)
  await subscription.caughtUp()
  expect(first).toEqual([])
  expect(second).toHaveLength(1)
})

it('starts a removed successor again where `otherwise` says, as its predecessor has no place any more', async () => {
  await engine.append(2)
  await startFormer()
  const handled: number[] = []
  const subscription = engine.start(successorOf(handled))
  await subscription.caughtUp()
  expect(handled).toEqual([])
  const registered = await engine.storage.readSubscription('successor')
  if (registered !== undefined) await engine.storage.removeSubscription(registered)
  await subscription.done
  await engine.start(successorOf(handled)).caughtUp()
  expect(handled).toHaveLength(2)
})
