/** The parts of a store that subscriptions, views and rebuilds run on. Tests replace any of them. */

import type { KnownEvents } from '../catalogue/known-events.ts'
import type { LogReader } from '../log/log-reader.ts'
import type { Observation } from '../observe/observation.ts'
import type { Storage } from '../storage/storage.ts'
import type { CheckpointWaits } from '../subscription/checkpoint-waits.ts'
import type { CheckpointWriter } from '../subscription/checkpoint-writer.ts'
import type { Heartbeat } from '../subscription/heartbeat.ts'
import type { LiveHandlers } from '../subscription/live-handlers.ts'
import type { Clock } from './clock.ts'

export interface EngineEnvironment {
  readonly storage: Storage
  /** The catalogue of the store: user code gets the events as they are today. Undefined: as they are stored. */
  readonly known: KnownEvents | undefined
  /** The observer of the store. Undefined: nothing is observed. */
  readonly observation: Observation | undefined
  readonly clock: Clock
  /** Reads the log for all that follow it, so that each page is read once. */
  readonly log: LogReader
  /** The beginning of the names of this store's workers. */
  readonly workerName: string
  /** Shared by all workers of this store, like the parts below. */
  readonly heartbeat: Heartbeat
  readonly checkpointWriter: CheckpointWriter
  readonly checkpointWaits: CheckpointWaits
  readonly liveHandlers: LiveHandlers
}
