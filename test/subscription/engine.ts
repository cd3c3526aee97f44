/** Runs subscriptions on a storage in memory. Each test gets its own, and can replace any part of its environment. */
import { afterEach, beforeEach, onTestFinished, vi } from 'vitest'
import { counted } from '../../src/conformance/events.ts'
import { engineEnvironment } from '../../src/engine/environment.ts'
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
  environment: EngineEnvironment = engineEnvironment({
    storage: this.storage,
    wakeup: this.#wakeup,
    clock: systemClock,
  })

  /** Replaces parts of the environment. The parts that are shared by all workers are built again from them. */
  use(given: Partial<Pick<EngineEnvironment, 'storage' | 'clock'>>): void {
    const { storage, clock } = this.environment
    this.environment = this.environmentOf({ storage, clock, ...given })
  }

  environmentOf({ storage, clock }: Pick<EngineEnvironment, 'storage' | 'clock'>): EngineEnvironment {
    return engineEnvironment({ storage, clock, wakeup: this.#wakeup })
  }

  start(options: SubscribeOptions): Subscription {
    const { subscription } = startSubscription(this.environment, options, () => {})
    this.#started.push(subscription)
    return subscription
  }

  /** Starts a subscription whose failure the test checks later. */
  startFailing(options: SubscribeOptions): Subscription {
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

/** Gives each test of the file its own engine. */
export function useEngine(): void {
  beforeEach(() => {
    engine = new Engine()
  })
  afterEach(() => engine.end())
}

/**
 * Makes time advance in steps of 5 ms, however slow the machine is between two steps: then even a lease of a few
 * milliseconds expires only if the worker does not renew it in time.
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
