/** The parts of a store that subscriptions, views and rebuilds run on. Tests replace any of them. */

import type { LogReader } from '../log/log-reader.ts'
import type { Storage } from '../storage/storage.ts'
import type { Clock } from './clock.ts'

export interface EngineEnvironment {
  readonly storage: Storage
  readonly clock: Clock
  /** Reads the log for all that follow it, so that each page is read once. */
  readonly log: LogReader
}
