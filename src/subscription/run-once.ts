/** Handling what there is, and returning: a worker that is stopped as soon as it has caught up. */
import { hasCode } from '../errors.ts'
import type { Event } from '../event.ts'
import { checkInteger } from '../input.ts'
import type { StoreTransaction } from '../projection/transaction.ts'
import { reachedBy, waitForCheckpoint } from './checkpoint-wait.ts'
import type { SubscriptionEnvironment } from './environment.ts'
import { planOf } from './plan.ts'
import type { RunOnceOptions, RunOnceResult, SubscribeOptions } from './subscription.ts'
import { Worker } from './worker.ts'

export async function runOnce<E extends Event, Tx extends StoreTransaction>(
  environment: SubscriptionEnvironment,
  options: SubscribeOptions<E, Tx>,
  { maxMs = 30_000, signal }: RunOnceOptions = {},
): Promise<RunOnceResult> {
  const plan = planOf(environment.storage, options)
  checkInteger(maxMs, 'maxMs', 1)
  const { storage, clock } = environment
  const end = clock.now() + maxMs
  const worker = new Worker(environment, plan)
  const failure = new AbortController()
  worker.done.catch((error: unknown) => failure.abort(error))
  const signals = signal === undefined ? [failure.signal] : [failure.signal, signal]
  let caughtUp = true
  try {
    const position = await storage.lastPosition(signal)
    const late = clock.sleep(maxMs, failure.signal).catch(() => {})
    await Promise.race([worker.settled, late])
    await waitForCheckpoint(environment, plan.name, {
      position,
      timeout: Math.max(0, end - clock.now()),
      signal: AbortSignal.any(signals),
    })
  } catch (error) {
    if (!hasCode(error, 'subscription-behind')) throw error
    caughtUp = false
  } finally {
    await worker.stop(Math.max(1_000, end - clock.now()))
    failure.abort()
  }
  await worker.done
  const checkpoint = reachedBy(await storage.checkpoints(plan.name))
  return { handled: worker.handled, parked: worker.parked, checkpoint, caughtUp }
}
