/** Finds out, without a worker, that a subscription has nothing to do: a worker takes and releases leases, and that costs more. */
import { abortable } from '../runtime/abort.ts'
import type { EngineEnvironment } from '../runtime/environment.ts'
import type { Plan } from './plan.ts'
import { isRegisteredAs } from './register.ts'
import type { RunOnceResult } from './subscription.ts'

/**
 * Returns the result of a run that has nothing to do. Returns undefined if a worker must run: there are new events or due parked
 * events, the definition of the subscription must be stored or refused, or the storage cannot tell.
 */
export async function resultAtRest(
  { storage }: Pick<EngineEnvironment, 'storage'>,
  plan: Plan,
  signal: AbortSignal | undefined,
): Promise<RunOnceResult | undefined> {
  if (storage.readProgress === undefined) return undefined
  const reads = Promise.all([storage.lastPosition(signal), storage.readProgress(plan.name, signal)])
  const [position, progress] = await abortable(reads, signal)
  if (progress === undefined || progress.mayHaveDueEvents) return undefined
  const { subscription, checkpoint } = progress
  if (checkpoint < position || !isRegisteredAs(plan, subscription)) return undefined
  try {
    await plan.handler.prepare()
  } catch {
    // The worker fails for the same reason, and reports it.
    return undefined
  }
  return { handled: 0, parked: 0, checkpoint, caughtUp: true, paused: false }
}
