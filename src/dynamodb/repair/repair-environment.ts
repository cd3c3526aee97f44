/** What all parts of a repair need. */

import type { Key, Tables } from '../keys.ts'
import type { Slots } from '../log/slots.ts'
import type { Connection } from '../requests/connection.ts'
import type { Subject } from '../requests/errors.ts'
import type { EmptyPositions } from './marks.ts'
import type { Progress } from './scan.ts'
import type { StoredCommits } from './stored-commits.ts'

export interface RepairEnvironment {
  readonly connection: Connection
  readonly tables: Tables
  readonly slots: Slots
  readonly stored: StoredCommits
  readonly progress: Progress
  /** The positions that no slot has, or whose events have left them. */
  readonly empty: EmptyPositions
}

export const repairing = (table: string, key: Key): Subject => ({
  doing: 'Repairing the tables',
  table,
  key: key.p.S,
})
