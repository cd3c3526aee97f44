/** What subscriptions live in: a store's storage, its wake-ups, and time. */

import type { Storage } from '../storage/storage.ts'
import type { Clock } from './clock.ts'
import type { Wakeup } from './wakeup.ts'

export interface EngineEnvironment {
  readonly storage: Storage
  /** Woken when this process appends, or hears that another has. */
  readonly wakeup: Pick<Wakeup, 'count' | 'wait'>
  readonly clock: Clock
}
