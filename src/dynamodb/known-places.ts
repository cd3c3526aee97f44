/**
 * What this process knows about its subscriptions between two looks at them. It stays true for the leases of this
 * process: another process that ends one of them changes the token, and then this process is refused.
 */
import type { Lease } from '../storage/index.ts'
import type { Checkpoint } from './checkpoint.ts'
import type { CheckpointHolds } from './checkpoint-holds.ts'
import type { SubscriptionChanges } from './subscription-change.ts'
import type { StoredSubscription, SubscriptionItems } from './subscription-items.ts'

interface KnownPlace {
  /** Undefined if the subscription was removed. */
  stored: StoredSubscription | undefined
  /** By the monotonic clock. */
  lookedAt: number
  /** The change number of the table before the last consistent look; -1 if the next heartbeat must look. */
  changeNumber: number
  /** How often this process has changed what it knows: a look that began before such a change does not count. */
  ownChanges: number
}

export interface KnownPlacesParts {
  readonly items: SubscriptionItems
  readonly changes: SubscriptionChanges
  readonly holds: CheckpointHolds
}

export class KnownPlaces {
  readonly #parts: KnownPlacesParts
  readonly #known = new Map<string, KnownPlace>()

  constructor(parts: KnownPlacesParts) {
    this.#parts = parts
  }

  get(place: string): StoredSubscription | undefined {
    return this.#known.get(place)?.stored
  }

  forgetOthers(places: ReadonlySet<string>): void {
    for (const place of this.#known.keys()) if (!places.has(place)) this.#known.delete(place)
  }

  /** Makes the next heartbeat look at the place. */
  markStale(place: string): void {
    const known = this.#known.get(place)
    if (known !== undefined) known.changeNumber = -1
  }

  /** Applies what this process has written itself. */
  change(place: string, change: (stored: StoredSubscription) => Partial<StoredSubscription>): void {
    const known = this.#known.get(place)
    if (known?.stored === undefined) return
    known.stored = { ...known.stored, ...change(known.stored) }
    known.ownChanges++
  }

  forgetWorker(place: string, name: string): void {
    this.change(place, ({ workers }) => ({ workers: workers.filter((worker) => worker.name !== name) }))
  }

  /** Applies a change of the checkpoint that has this token. Does nothing if another token is known by now. */
  changeCheckpoint(
    place: string,
    { partition, token }: { readonly partition: number; readonly token: number },
    change: Partial<Checkpoint>,
  ): void {
    this.change(place, ({ checkpoints }) => ({
      checkpoints: withCheckpoint(checkpoints, { partition, token }, () => change),
    }))
  }

  /** Notes that this process has moved the checkpoint of a lease. An earlier look may still return the old position. */
  notePosition({ place, partition, token }: Lease, position: number): void {
    const known = this.#known.get(place)
    if (known?.stored === undefined) return
    const checkpoints = withCheckpoint(known.stored.checkpoints, { partition, token }, (one) => ({
      position: Math.max(one.position, position),
    }))
    known.stored = { ...known.stored, checkpoints }
  }

  /**
   * Looks at a place if something may have changed. `changeNumber`: of the table, as read just before. `interval`: the
   * longest time between two looks, in milliseconds. A look without another reason is eventually consistent, and only
   * finds out whether anything has changed: if so, a consistent look follows.
   */
  async lookIfDue(
    place: string,
    { changeNumber, interval }: { readonly changeNumber: number; readonly interval: number },
    signal: AbortSignal | undefined,
  ): Promise<void> {
    const known = this.#known.get(place)
    // A change that had to wait for a rebuild or verification is looked at with each heartbeat.
    if (known?.changeNumber === changeNumber && known.stored?.header.change === undefined) {
      if (performance.now() - known.lookedAt < interval) return
      if (await this.#isUnchanged(known, place, signal)) return
    }
    await this.look(place, changeNumber, signal)
  }

  async #isUnchanged(known: KnownPlace, place: string, signal: AbortSignal | undefined): Promise<boolean> {
    const { items, holds } = this.#parts
    const { ownChanges } = known
    const lookedAt = performance.now()
    const seen = await items.read(place, { consistent: false }, signal)
    if (seen === undefined || known.stored === undefined || known.ownChanges !== ownChanges) return false
    if (fingerprint(seen) !== fingerprint(known.stored)) return false
    known.stored = withLatestPositions(seen, known.stored)
    known.lookedAt = lookedAt
    await holds.endLong(seen, signal)
    return true
  }

  /** Looks at a place. Completes the change that is under way, and deletes what an earlier change has left. */
  async look(place: string, changeNumber: number, signal: AbortSignal | undefined): Promise<void> {
    const { items, changes, holds } = this.#parts
    for (;;) {
      const { ownChanges = 0 } = this.#known.get(place) ?? {}
      const lookedAt = performance.now()
      const stored = await items.read(place, { consistent: true }, signal)
      if (stored?.header.change !== undefined && (await changes.complete(place, signal)) === 'completed')
        continue
      if ((this.#known.get(place)?.ownChanges ?? 0) !== ownChanges) continue
      const latest = stored && withLatestPositions(stored, this.get(place))
      this.#known.set(place, { stored: latest, lookedAt, changeNumber, ownChanges })
      if (stored === undefined) return
      await holds.endLong(stored, signal)
      if (stored.leftovers.length > 0) await changes.deleteLeftovers(stored, signal)
      return
    }
  }
}

function withCheckpoint(
  checkpoints: readonly Checkpoint[],
  { partition, token }: { readonly partition: number; readonly token: number },
  change: (checkpoint: Checkpoint) => Partial<Checkpoint>,
): readonly Checkpoint[] {
  const index = checkpoints.findIndex((one) => one.partition === partition && one.token === token)
  const before = checkpoints[index]
  if (before === undefined) return checkpoints
  const changed = checkpoints.slice()
  changed[index] = { ...before, ...change(before) }
  return changed
}

/** Within a token, a position never moves back. So a lower one comes from a stale read. */
function withLatestPositions(
  read: StoredSubscription,
  known: StoredSubscription | undefined,
): StoredSubscription {
  const checkpoints = read.checkpoints.map((one, index) => {
    const { token, position = 0 } = known?.checkpoints[index] ?? {}
    return token === one.token && position > one.position ? { ...one, position } : one
  })
  return { ...read, checkpoints }
}

/** All that matters, without the positions. */
function fingerprint({ header, checkpoints, skipLayers, workers, leftovers }: StoredSubscription): string {
  return JSON.stringify([
    header,
    checkpoints.map(({ position: _, ...others }) => others),
    skipLayers.map(({ key }) => key.s.S),
    workers.map(({ name, process, leaseTime, joined }) => [name, process, leaseTime, joined]).sort(),
    leftovers.length,
  ])
}
