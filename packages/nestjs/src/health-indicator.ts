/** The health of the subscriptions, in the form that `@nestjs/terminus` reads. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { SubscriptionState } from '@eventsourced/core'
import type { DiscoveryService } from '@nestjs/core'
import { checkMilliseconds } from './milliseconds.ts'
import { instancesOf, SubscriptionRunner } from './runner.ts'
import type { Running } from './running.ts'

/** The options of `isHealthy`. */
export interface HealthOptions {
  /**
   * The longest time that an event may wait for its handler, in milliseconds. With this option, `isHealthy` asks the
   * database how far each subscription is. @default no limit, and the database is not asked
   */
  readonly maxLagTime?: number | undefined
  /** How long the database may take to answer, in milliseconds. Only with `maxLagTime`. @default 5,000 */
  readonly timeout?: number | undefined
}

/** What `isHealthy` says about a subscription. */
export interface SubscriptionHealth {
  readonly status: 'up' | 'down'
  readonly state: SubscriptionState
  /** How long ago the first event was recorded that waits for its handler, in milliseconds. Only with `maxLagTime`. */
  readonly lagTime?: number
  /** The code or the name of the error, or 'timeout'. The log of the application has its message. */
  readonly error?: string
}

/** What `isHealthy` returns: an entry under the key, as the indicators of `@nestjs/terminus` return it. */
export type EventsourcedHealth<Key extends string = string> = Record<
  Key,
  { readonly status: 'up' | 'down'; readonly subscriptions: Record<string, SubscriptionHealth> }
>

/** Reports the health of the subscriptions that this process runs. */
export class EventsourcedHealthIndicator {
  readonly #discovery: DiscoveryService

  constructor(discovery: DiscoveryService) {
    this.#discovery = discovery
  }

  /**
   * Returns `status: 'down'` if a subscription of this process has failed or, with `maxLagTime`, if one is behind or the
   * database does not answer. With several stores, names of subscriptions begin with the name of the store. Never
   * rejects because of the database.
   */
  async isHealthy<const Key extends string = 'eventsourced'>(
    key: Key = 'eventsourced' as Key,
    options: HealthOptions = {},
  ): Promise<EventsourcedHealth<Key>> {
    const { maxLagTime, timeout = 5_000 } = options
    if (maxLagTime !== undefined) checkMilliseconds(maxLagTime, '`maxLagTime` of isHealthy')
    checkMilliseconds(timeout, '`timeout` of isHealthy')
    const runners = instancesOf(this.#discovery, SubscriptionRunner)
    const entries = runners.flatMap(({ host, running }) =>
      running.map(async (one): Promise<[string, SubscriptionHealth]> => {
        const name = runners.length > 1 ? `${host.name}/${one.name}` : one.name
        return [name, await healthOf(one, maxLagTime, timeout)]
      }),
    )
    const subscriptions = Object.fromEntries(await Promise.all(entries))
    const isUp = Object.values(subscriptions).every(({ status }) => status === 'up')
    return { [key]: { status: isUp ? 'up' : 'down', subscriptions } } as EventsourcedHealth<Key>
  }
}

async function healthOf(
  running: Running,
  maxLagTime: number | undefined,
  timeout: number,
): Promise<SubscriptionHealth> {
  const { state, failure } = running
  if (failure !== undefined) return { status: 'down', state, error: errorName(failure) }
  if (maxLagTime === undefined) return { status: 'up', state }
  const timer = new AbortController()
  try {
    const late = sleep(timeout, undefined, { signal: timer.signal })
    const status = await Promise.race([running.status(), late])
    if (status === undefined) return { status: 'down', state, error: 'timeout' }
    const { lagTime } = status
    return { status: lagTime <= maxLagTime ? 'up' : 'down', state, lagTime }
  } catch (error) {
    return { status: 'down', state, error: errorName(error) }
  } finally {
    timer.abort()
  }
}

function errorName(error: unknown): string {
  if (!(error instanceof Error)) return typeof error
  return 'code' in error ? String(error.code) : error.name
}
