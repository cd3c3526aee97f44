/** The parts of an append's transaction that add the ids of its events. */

import type { Tables } from '../keys.ts'
import type { Item } from '../requests/attributes.ts'
import type { Part } from '../requests/writer.ts'
import { hasId, idUpdate, type LocatedId, neighboursIn } from './id-item.ts'

/** An event id, and the index of its entry in the transaction. */
export interface EntryId extends LocatedId {
  readonly entryIndex: number
}

interface IdPart extends Part {
  readonly about: 'repeat'
  readonly ids: readonly EntryId[]
}

/** Makes one part for the ids that share an item. Its condition fails if one of them is taken. */
export function idParts(tables: Tables, ids: readonly EntryId[]): IdPart[] {
  return neighboursIn(ids).map((neighbours) => {
    const { update, size } = idUpdate(neighbours)
    return {
      item: { Update: { TableName: tables.log, ...update, ReturnValuesOnConditionCheckFailure: 'ALL_OLD' } },
      size,
      name: 'event id given by the caller',
      failed: () => undefined,
      about: 'repeat',
      ids: [...neighbours.values()],
    }
  })
}

/**
 * Whether one of the entry's ids made the condition of a part fail. Entries may share an item, and `stored` shows which of
 * their ids are taken.
 */
export function hasTakenId(ids: readonly EntryId[], entryIndex: number, stored: Item | undefined): boolean {
  return ids.some((one) => one.entryIndex === entryIndex && (stored === undefined || hasId(stored, one.id)))
}
