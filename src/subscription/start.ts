/** Starts a subscription in this process. */

import {
  SubscriptionBehindError,
  type SubscriptionFailedError,
  UnknownSubscriptionError,
} from '../errors/index.ts'
import { checkInteger, checkMilliseconds } from '../input/checks.ts'
import { optionsOf } from '../input/options.ts'
import { abortable, linkedController } from '../runtime/abort.ts'
import type { Clock } from '../runtime/clock.ts'
import type { EngineEnvironment } from '../runtime/environment.ts'
import { planOf } from './plan.ts'
import { emptyStatus, subscriptionStatus } from './status.ts'
import type { AnySubscribeOptions, Subscription, SubscriptionState, WorkerStatus } from './subscription.ts'
import { Worker } from './worker.ts'

/** A subscription, and the state of its worker in this store. */
export interface StartedSubscription {
  readonly subscription: Subscription
  report(): Pick<WorkerStatus, 'state' | 'lastError'>
}

/**
 * `onEnd` is called when the subscription has stopped or failed. The store cannot use `done` for that: a listener on
 * `done` would count as handling the failure, and hide it from the user.
 */
export function startSubscription(
  environment: EngineEnvironment,
  options: AnySubscribeOptions,
  onEnd: () => void,
): StartedSubscription {
  const plan = planOf(environment, options)
  const { name } = plan
  const endHandler = environment.liveHandlers.add(plan)
  const worker = new Worker(environment, plan)
  /**
   * The running calls of `caughtUp`. A call that added its own listener to `worker.ended` would leave it there until
   * the worker ends.
   */
  const waiting = new Set<(failure: SubscriptionFailedError | undefined) => Promise<void>>()
  let ended: { readonly failure: SubscriptionFailedError | undefined } | undefined
  // A promise that only users listen to: while none does, its rejection is unhandled, and Node ends the process.
  const done = worker.ended.then((failure) => {
    endHandler()
    onEnd()
    ended = { failure }
    for (const end of waiting) void end(failure)
    if (failure !== undefined) throw failure
  })

  const report = () => ({ state: worker.state, lastError: worker.lastError })

  const subscription: Subscription = {
    name,
    worker: worker.name,
    done,

    async status() {
      environment.storage.checkNesting?.()
      const own = report()
      const stored = await subscriptionStatus(environment, name)
      return { ...(stored ?? emptyStatus(name, await environment.storage.lastPosition())), ...own }
    },

    async caughtUp(options) {
      const { position, timeout = 30_000, signal } = optionsOf(options, ['position', 'timeout', 'signal'])
      if (position !== undefined) checkInteger(position, 'position', 0)
      checkMilliseconds(timeout, 'timeout', 0)
      environment.storage.checkNesting?.()
      const { controller, unlink } = linkedController(signal)
      const onEnded = async (failure: SubscriptionFailedError | undefined) => {
        if (failure === undefined) {
          const gone = await goneSubscription(environment, name, worker.state)
          if (gone !== undefined) controller.abort(gone)
          return
        }
        // This call rejects with the failure, so the rejection of `done` counts as handled.
        done.catch(() => {})
        controller.abort(failure)
      }
      if (ended === undefined) waiting.add(onEnded)
      else void onEnded(ended.failure)
      const failedOrAborted = controller.signal
      try {
        const { storage, clock, checkpointWaits } = environment
        const since = clock.now()
        // Before the registration, the stored checkpoints may belong to another subscription with this name.
        if (!(await isRegistered(worker, clock, timeout, failedOrAborted))) {
          throw new SubscriptionBehindError(name, position ?? 0, 0, [], timeout)
        }
        const target = position ?? (await abortable(storage.lastPosition(failedOrAborted), failedOrAborted))
        await checkpointWaits.wait(name, { position: target, timeout, since, signal: failedOrAborted })
      } finally {
        waiting.delete(onEnded)
        unlink()
      }
    },

    async stop(options) {
      const { timeout = 30_000 } = optionsOf(options, ['timeout'])
      checkMilliseconds(timeout, 'timeout', 0)
      await worker.stop(timeout)
    },

    [Symbol.asyncDispose]() {
      return this.stop()
    },
  }
  return { subscription, report }
}

/**
 * Returns the error for calls of `caughtUp` if the subscription was removed, or if a successor has taken over its place.
 * Returns undefined otherwise, or if the storage does not answer: then the calls continue to wait.
 */
async function goneSubscription(
  { storage }: EngineEnvironment,
  name: string,
  state: SubscriptionState,
): Promise<UnknownSubscriptionError | undefined> {
  if (state === 'removed') return new UnknownSubscriptionError(name)
  if (state !== 'superseded') return undefined
  const stored = await storage.readSubscription(name).catch(() => undefined)
  return stored?.successor === undefined ? undefined : new UnknownSubscriptionError(name, stored.successor)
}

/** Resolves once the worker is registered or has ended, or with false when the time is over. */
async function isRegistered(
  worker: Worker,
  clock: Clock,
  timeout: number,
  signal: AbortSignal,
): Promise<boolean> {
  const timer = new AbortController()
  const isLate = clock.sleep(timeout, timer.signal).then(
    () => false,
    () => true,
  )
  try {
    return await abortable(Promise.race([worker.registered.then(() => true), isLate]), signal)
  } finally {
    timer.abort()
  }
}
