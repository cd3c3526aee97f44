/** Where a commit is in its stream and in the log: as its items say, and as a slot says. */

import { headOf } from '../commits/heads.ts'
import { firstVersionOf, type Key } from '../keys.ts'
import { commitNameOf, isLost, type Slot } from '../log/slot-item.ts'
import { type Item, numberOf } from '../requests/attributes.ts'

export interface CommitPlace {
  readonly streamId: string
  /** Its first version. */
  readonly first: number
  /** Its last version. */
  readonly last: number
  readonly slot: number
  readonly firstPosition: number
  readonly lastPosition: number
}

/** The attributes of a commit's item that `placeOf` needs. */
export const placeAttributes = 'p, s, v, g, o, y, m'

/** Returns the place of a commit. Each item of the commit says it. */
export function placeOf(item: Item): CommitPlace {
  const { version, position } = headOf(item)
  return {
    streamId: (item as Key).p.S.slice(2),
    first: firstVersionOf(item),
    last: version,
    slot: numberOf(item, 'g') as number,
    firstPosition: numberOf(item, 'o') as number,
    lastPosition: position,
  }
}

/** Returns the places of a slot's commits, by their names, in the order in which they first appear. */
export function placesIn({ number, first, runs }: Slot): Map<string, CommitPlace> {
  const places = new Map<string, CommitPlace>()
  let position = first
  for (const run of runs) {
    const last = { last: run.firstVersion + run.count - 1, lastPosition: position + run.count - 1 }
    if (!isLost(run)) {
      const name = commitNameOf(run)
      const { streamId, commit } = run
      const begun = places.get(name) ?? { streamId, first: commit, slot: number, firstPosition: position }
      places.set(name, { ...begun, ...last })
    }
    position += run.count
  }
  return places
}
