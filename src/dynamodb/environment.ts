/** The objects that the parts of the storage share. */
import type { Connection } from './connection.ts'
import type { Heads } from './heads.ts'
import type { Tables } from './keys.ts'
import type { Log } from './log.ts'
import type { Slots } from './slots.ts'
import type { Writer } from './writer.ts'

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
