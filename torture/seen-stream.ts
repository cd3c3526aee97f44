/** The fold of all decisions and reads of states, which counts the snapshots that it began with. */
import type { RecordedEvent } from '@eventsourced/core'
import { digest, type Seen, type TracedEvent } from './operation.ts'
import { isNoted } from './releases.ts'

/** All reads of states begin with a snapshot. A stale one that is not recognised would show in the decisions. */
export const snapshot = { name: 'seen', version: 1, every: 5 }

/** Folds a stream to its version and digest. One object serves all folds of a process. */
export class SeenStream {
  readonly #folded = new WeakSet<Seen>()
  /** How many snapshots later events were folded into. A state that this object has not made came from a snapshot. */
  snapshots = 0

  readonly initialState = (): Seen => this.#made([0, 0])

  readonly evolve = (seen: Seen, event: RecordedEvent<TracedEvent>): Seen => {
    if (!this.#folded.has(seen)) {
      this.#made(seen)
      this.snapshots++
    }
    return isNoted(event) ? seen : this.#made([seen[0] + 1, digest(seen[1], event.data.name)])
  }

  #made(seen: Seen): Seen {
    this.#folded.add(seen)
    return seen
  }
}
