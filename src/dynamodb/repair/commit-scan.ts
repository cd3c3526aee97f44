/** Reads the places of all commits from the events table. */

import { partsIn } from '../commits/read.ts'
import type { Key, Tables } from '../keys.ts'
import type { Item } from '../requests/attributes.ts'
import type { Connection } from '../requests/connection.ts'
import { type CommitPlace, placeAttributes, placeOf } from './commit-place.ts'
import { type Progress, scan } from './scan.ts'

export interface ScannedCommit extends CommitPlace {
  /** Whether all of its items are stored. */
  readonly isComplete: boolean
}

/**
 * Passes all commits to the takers, page by page. The commits of one stream are passed to one taker, in the order of
 * their versions.
 */
export function scanCommits(
  connection: Connection,
  { events }: Tables,
  { consistent }: { readonly consistent: boolean },
  progress: Progress,
  takers: () => (commits: readonly ScannedCommit[]) => Promise<void>,
): Promise<void> {
  const options = { attributes: placeAttributes, consistent }
  return scan(connection, events, options, progress, () => {
    const take = takers()
    const parts = new Parts()
    return (items, isLast) => take(parts.add(items, isLast))
  })
}

/** Gathers the items of each commit: they follow one another, also from one page to the next. */
class Parts {
  #current: { readonly place: CommitPlace; readonly parts: number; found: number } | undefined

  add(items: readonly Item[], isLast: boolean): readonly ScannedCommit[] {
    const commits: ScannedCommit[] = []
    const flush = () => {
      const current = this.#current
      if (current !== undefined)
        commits.push({ ...current.place, isComplete: current.found >= current.parts })
      this.#current = undefined
    }
    for (const item of items) {
      if (!(item as Key).p.S.startsWith('S#')) continue
      const place = placeOf(item)
      const current = this.#current
      if (current?.place.first === place.first && current.place.streamId === place.streamId) {
        current.found++
        continue
      }
      flush()
      this.#current = { place, parts: partsIn(item), found: 1 }
    }
    if (isLast) flush()
    return commits
  }
}
