/** What all parts of a repair need. */
import type { RecordedEvent } from '../../storage/index.ts'
import type { Item } from '../attributes.ts'
import type { Connection } from '../connection.ts'
import type { Subject } from '../errors.ts'
import { eventIdPut } from '../event-ids.ts'
import { eventIdKey, type Key, type Tables } from '../keys.ts'
import type { Slots } from '../slots.ts'
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
  /** How far the positions of moved commits have changed, by the names of the commits. */
  readonly moved: Map<string, number>
}

export const repairing = (table: string, key: Key): Subject => ({
  doing: 'Repairing the tables',
  table,
  key: key.p.S,
})

/** Puts the ids of restored events, if they are lost. An id from the library needs no item, and none does harm. */
export async function putIds(
  { connection, tables, progress }: RepairEnvironment,
  events: readonly RecordedEvent[],
): Promise<void> {
  for (const { id, streamId, version, position, recordedAt } of events) {
    const location = { streamId, version, position, recordedAt: recordedAt.getTime() }
    const { item } = eventIdPut(tables, id, location)
    const { Put } = item as { readonly Put: { readonly Item: Item } }
    await connection.write(repairing(tables.log, eventIdKey(id)), 'PutItem', Put, progress.signal)
  }
}
