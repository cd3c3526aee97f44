/**
 * Handles the events that are in the log now, then returns: runs a worker and stops it once it has caught up. If there is nothing
 * to do, no worker runs.
 */

import { hasCode } from '../errors/index.ts'
import { checkMilliseconds } from '../input/checks.ts'
import { optionsOf } from '../input/options.ts'
import { abortable, linkedController } from '../runtime/abort.ts'
import type { EngineEnvironment } from '../runtime/environment.ts'
import { resultAtRest } from './at-rest.ts'
import { lowestCheckpoint } from './checkpoint-waits.ts'
import { type Plan, planOf } from './plan.ts'
import type { AnySubscribeOptions, RunOnceOptions, RunOnceResult } from './subscription.ts'
import { Worker } from './worker.ts'

export async function runOnce(
  environment: EngineEnvironment,
  options: AnySubscribeOptions,
  limits?: RunOnceOptions,
): Promise<RunOnceResult> {
  const { timeout = 30_000, signal } = optionsOf(limits, ['timeout', 'signal'], 'limits')
  // The caller waits for the result, so the call must not wait for a newer process.
  const plan = { ...planOf(environment, options), stepsBack: false }
  checkMilliseconds(timeout, 'timeout', 1)
  const end = environment.clock.now() + timeout
  const endHandler = environment.liveHandlers.add(plan)
  try {
    return (
      (await resultAtRest(environment, plan, signal)) ?? (await runWorker(environment, plan, end, signal))
    )
  } finally {
    endHandler()
  }
}

/** `end`: when the worker must stop, by the clock of the process. */
async function runWorker(
  environment: EngineEnvironment,
  plan: Plan,
  end: number,
  signal: AbortSignal | undefined,
): Promise<RunOnceResult> {
  const { storage, clock } = environment
  const worker = new Worker(environment, plan)
  const { controller, unlink } = linkedController(signal)
  const ended = new Error('the worker makes no more progress')
  void worker.ended.then((error) => controller.abort(error ?? ended))
  let paused = false
  void worker.paused.then(() => {
    paused = true
    controller.abort(ended)
  })
  const failedOrAborted = controller.signal
  const timer = new AbortController()
  let position: number | undefined
  try {
    position = await abortable(storage.lastPosition(failedOrAborted), failedOrAborted)
    const timedOut = clock.sleep(Math.max(0, end - clock.now()), timer.signal).catch(() => {})
    await abortable(Promise.race([worker.parkedHandled, timedOut]), failedOrAborted)
    const left = Math.max(0, end - clock.now())
    const target = { position, timeout: left, signal: failedOrAborted }
    await environment.checkpointWaits.wait(plan.name, target)
  } catch (error) {
    if (error !== ended && !hasCode(error, 'subscription-behind')) throw error
  } finally {
    timer.abort()
    unlink()
    await worker.stop(Math.max(1_000, end - clock.now()))
  }
  const failed = await worker.ended
  if (failed !== undefined) throw failed
  const checkpoints = await storage.checkpoints(plan.name)
  const checkpoint = lowestCheckpoint(checkpoints)
  // The worker may have ended, or heard of a pause, before the position was read.
  position ??= await storage.lastPosition()
  const caughtUp = checkpoints.length > 0 && checkpoint >= position
  return { ...worker.progress, checkpoint, caughtUp, paused: paused && !caughtUp }
}
