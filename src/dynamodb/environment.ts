/** The objects that the parts of the storage share. */

import type { Heads } from './commits/heads.ts'
import type { Tables } from './keys.ts'
import type { Log } from './log/log.ts'
import type { Slots } from './log/slots.ts'
import type { Connection } from './requests/connection.ts'
import type { Writer } from './requests/writer.ts'

export interface Environment {
  readonly connection: Connection
  readonly tables: Tables
  readonly writer: Writer
  readonly slots: Slots
  readonly log: Log
  readonly heads: Heads
  /** Whether bodies and states above 1 KB are compressed. */
  readonly compress: boolean
}
