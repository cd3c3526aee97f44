/** Starting a subscription in this process. */
import type { Event } from '../event.ts'
import { checkInteger } from '../input.ts'
import type { StoreTransaction } from '../projection/transaction.ts'
import { waitForCheckpoint } from './checkpoint-wait.ts'
import type { SubscriptionEnvironment } from './environment.ts'
import { planOf } from './plan.ts'
import { subscriptionStatus } from './status.ts'
import type { SubscribeOptions, Subscription, SubscriptionStatus } from './subscription.ts'
import { Worker } from './worker.ts'

/** `onEnd` is called when it has stopped or failed: who listened to `done` would keep its failure from being heard. */
export function startSubscription<E extends Event, Tx extends StoreTransaction>(
  environment: SubscriptionEnvironment,
  options: SubscribeOptions<E, Tx>,
  onEnd: () => void,
): Subscription {
  const plan = planOf(environment.storage, options)
  const { name } = plan
  const worker = new Worker(environment, plan, onEnd)
  const { done } = worker

  return {
    name,
    worker: worker.name,
    done,

    async status() {
      const { state, lastError } = worker
      const stored = await subscriptionStatus(environment, name)
      return { ...(stored ?? nothingYet(name)), state, lastError }
    },

    async caughtUp({ position, timeout = 30_000, signal } = {}) {
      if (position !== undefined) checkInteger(position, 'position', 0)
      checkInteger(timeout, 'timeout', 0)
      const target = position ?? (await environment.storage.lastPosition(signal))
      const gone = new AbortController()
      const failed = done.catch((error: unknown) => {
        gone.abort(error)
        throw error
      })
      const signals = signal === undefined ? [gone.signal] : [gone.signal, signal]
      failed.catch(() => {})
      await waitForCheckpoint(environment, name, {
        position: target,
        timeout,
        signal: AbortSignal.any(signals),
      })
    },

    async stop({ timeout = 30_000 } = {}) {
      checkInteger(timeout, 'timeout', 0)
      await worker.stop(timeout)
    },

    [Symbol.asyncDispose]() {
      return this.stop()
    },
  }
}

/** Before it could be made, since the database cannot be reached yet. */
function nothingYet(name: string): Omit<SubscriptionStatus, 'state' | 'lastError'> {
  return { name, checkpoint: 0, head: 0, lag: 0, lagSeconds: 0, parked: 0, owners: [], partitions: [] }
}
