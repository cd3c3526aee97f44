/** What subscriptions live in: a store's storage, its wake-ups, and time. */
import type { Clock } from '../clock.ts'
import type { Storage } from '../storage.ts'
import type { Wakeup } from '../wakeup.ts'

export interface SubscriptionEnvironment {
  readonly storage: Storage
  /** Woken when this process appends, or hears that another has. */
  readonly wakeup: Pick<Wakeup, 'count' | 'wait'>
  readonly clock: Clock
}
