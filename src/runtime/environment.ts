/** The parts of a store that subscriptions, views and rebuilds run on. Tests replace any of them. */

import type { Storage } from '../storage/storage.ts'
import type { CheckpointWaits } from '../subscription/checkpoint-waits.ts'
import type { CheckpointWriter } from '../subscription/checkpoint-writer.ts'
import type { Heartbeat } from '../subscription/heartbeat.ts'
import type { LiveHandlers } from '../subscription/live-handlers.ts'
import type { Clock } from './clock.ts'
import type { Wakeup } from './wakeup.ts'

export interface EngineEnvironment {
  readonly storage: Storage
  /** Wakes waiting readers when this process appends, or when another process reports an append. */
  readonly wakeup: Pick<Wakeup, 'count' | 'wait'>
  readonly clock: Clock
  /** The beginning of the names of this store's workers. */
  readonly workerName: string
  /** Shared by all workers of this store, like the parts below. */
  readonly heartbeat: Heartbeat
  readonly checkpointWriter: CheckpointWriter
  readonly checkpointWaits: CheckpointWaits
  readonly liveHandlers: LiveHandlers
}
