/** The parts of a store that subscriptions, views and rebuilds run on. Tests replace any of them. */

import type { Storage } from '../storage/storage.ts'
import type { Clock } from './clock.ts'
import type { Wakeup } from './wakeup.ts'

export interface EngineEnvironment {
  readonly storage: Storage
  /** Wakes waiting readers when this process appends, or when another process reports an append. */
  readonly wakeup: Pick<Wakeup, 'count' | 'wait'>
  readonly clock: Clock
}
