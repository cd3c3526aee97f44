/** What runs subscriptions, on a store in memory of its own, of which a test can replace any part. */
import { afterEach, beforeEach, onTestFinished, vi } from 'vitest'
import { counted } from '../../src/conformance/events.ts'
import { memoryStorage } from '../../src/memory/store.ts'
import { InlineProjections } from '../../src/projection/inline.ts'
import { systemClock } from '../../src/runtime/clock.ts'
import type { EngineEnvironment } from '../../src/runtime/environment.ts'
import { Wakeup } from '../../src/runtime/wakeup.ts'
import { startSubscription } from '../../src/subscription/start.ts'
import type { SubscribeOptions, Subscription } from '../../src/subscription/subscription.ts'
import { uuidv7 } from '../../src/uuid.ts'

class Engine {
  readonly storage = memoryStorage(new InlineProjections())
  readonly #wakeup = new Wakeup()
  readonly #started: Subscription[] = []
  environment: EngineEnvironment = {
    storage: this.storage,
    wakeup: this.#wakeup,
    clock: systemClock,
  }

  start(options: SubscribeOptions): Subscription {
    const subscription = startSubscription(this.environment, options, () => {})
    this.#started.push(subscription)
    return subscription
  }

  /** Starts one whose failure is to be looked at later. */
  failing(options: SubscribeOptions): Subscription {
    const subscription = this.start(options)
    subscription.done.catch(() => {})
    return subscription
  }

  async append(count: number, from = 1, streamId = 'a'): Promise<void> {
    const events = counted(count, from).map(({ type, data }) => {
      const prepared = { type, data: JSON.stringify(data), metadata: '{}', tags: [] }
      return { id: uuidv7(), idFrom: 'library' as const, ...prepared }
    })
    await this.storage.append([{ streamId, expectedVersion: 'any', events }])
    this.#wakeup.wake()
  }

  async end(): Promise<void> {
    await Promise.all(this.#started.map((subscription) => subscription.stop({ timeout: 0 })))
  }
}

export let engine: Engine

/** Each test of this file has another one. */
export function useEngine(): void {
  beforeEach(() => {
    engine = new Engine()
  })
  afterEach(() => engine.end())
}

/**
 * Time that goes on in steps of 5 ms, however long the machine takes between them: a lease of some milliseconds ends only
 * if it is not renewed in time.
 */
export function useSteadyTime(): void {
  vi.useFakeTimers({
    toFake: ['setTimeout', 'clearTimeout', 'performance'],
    shouldAdvanceTime: true,
    advanceTimeDelta: 5,
  })
  onTestFinished(() => void vi.useRealTimers())
}

export const name = 'tested'
export const quick = { backoff: 1 }
export const fails = (): never => {
  throw new Error('it fails')
}
