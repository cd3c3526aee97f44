/**
 * The subscriptions of this process, as it has last read them. Heartbeats are answered from this memory, and the process
 * reads a subscription again only if it may have changed. The memory may be old: another process may have ended a lease of
 * this process. That changes the token of the lease, so DynamoDB refuses the writes of this process.
 */
import type { Lease } from '../../storage/index.ts'
import type { Checkpoint } from './checkpoint.ts'
import type { CheckpointHolds } from './checkpoint-holds.ts'
import type { SubscriptionChanges } from './subscription-change.ts'
import type { StoredSubscription, SubscriptionItems } from './subscription-items.ts'

interface KnownPlace {
  /** Undefined if the subscription was removed. */
  stored: StoredSubscription | undefined
  /** When the process read it last, by the monotonic clock. */
  readAt: number
  /** The change number of the table before the last consistent read; -1 if the next heartbeat must read it again. */
  changeNumber: number
  /** How often this process has changed `stored` itself. The result of a read that began before such a change is ignored. */
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

  /** Makes the next heartbeat read the place. */
  markStale(place: string): void {
    const known = this.#known.get(place)
    if (known !== undefined) known.changeNumber = -1
  }

  /** Applies to the known items a change that this process has written to the table. */
  change(place: string, change: (stored: StoredSubscription) => Partial<StoredSubscription>): void {
    const known = this.#known.get(place)
    if (known?.stored === undefined) return
    known.stored = { ...known.stored, ...change(known.stored) }
    known.ownChanges++
  }

  forgetWorker(place: string, name: string): void {
    this.change(place, ({ workers }) => ({ workers: workers.filter((worker) => worker.name !== name) }))
  }

  /** Applies a change to the checkpoint that has this token. Does nothing if the known token differs. */
  changeCheckpoint(
    place: string,
    { partition, token }: { readonly partition: number; readonly token: number },
    change: Partial<Checkpoint>,
  ): void {
    this.change(place, ({ checkpoints }) => ({
      checkpoints: withCheckpoint(checkpoints, { partition, token }, () => change),
    }))
  }

  /** Notes that this process has moved the checkpoint of a lease. A read that began earlier may return the old position. */
  notePosition({ place, partition, token }: Lease, position: number): void {
    const known = this.#known.get(place)
    if (known?.stored === undefined) return
    const checkpoints = withCheckpoint(known.stored.checkpoints, { partition, token }, (one) => ({
      position: Math.max(one.position, position),
    }))
    known.stored = { ...known.stored, checkpoints }
  }

  /**
   * Reads a place if it may have changed. `changeNumber`: the present one of the table. `interval`: the longest time
   * between two reads, in milliseconds. If only the interval is over, the read is eventually consistent, at half the price.
   * If that shows a change, a consistent read follows.
   */
  async readIfDue(
    place: string,
    { changeNumber, interval }: { readonly changeNumber: number; readonly interval: number },
    signal: AbortSignal | undefined,
  ): Promise<void> {
    const known = this.#known.get(place)
    // A change that waits for a rebuild or verification: each heartbeat reads the place, to complete the change.
    if (known?.changeNumber === changeNumber && known.stored?.header.change === undefined) {
      if (performance.now() - known.readAt < interval) return
      if (await this.#isUnchanged(known, place, signal)) return
    }
    await this.read(place, changeNumber, signal)
  }

  async #isUnchanged(known: KnownPlace, place: string, signal: AbortSignal | undefined): Promise<boolean> {
    const { items, holds } = this.#parts
    const { ownChanges } = known
    const readAt = performance.now()
    const seen = await items.read(place, { consistent: false }, signal)
    if (seen === undefined || known.stored === undefined || known.ownChanges !== ownChanges) return false
    if (fingerprint(seen) !== fingerprint(known.stored)) return false
    known.stored = withLatestPositions(seen, known.stored)
    known.readAt = readAt
    await holds.endLong(seen, signal)
    return true
  }

  /** Reads a place, consistently. Completes the change that is under way, and deletes the leftovers of an earlier change. */
  async read(place: string, changeNumber: number, signal: AbortSignal | undefined): Promise<void> {
    const { items, changes, holds } = this.#parts
    for (;;) {
      const { ownChanges = 0 } = this.#known.get(place) ?? {}
      const readAt = performance.now()
      const stored = await items.read(place, { consistent: true }, signal)
      if (stored?.header.change !== undefined && (await changes.complete(place, signal)) === 'completed')
        continue
      if ((this.#known.get(place)?.ownChanges ?? 0) !== ownChanges) continue
      const latest = stored && withLatestPositions(stored, this.get(place))
      this.#known.set(place, { stored: latest, readAt, changeNumber, ownChanges })
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

/** Keeps the higher of two positions with the same token: with one token, a checkpoint never moves back. */
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

/** Returns a text that differs if anything but a position has changed. */
function fingerprint({ header, checkpoints, skipLayers, workers, leftovers }: StoredSubscription): string {
  return JSON.stringify([
    header,
    checkpoints.map(({ position: _, ...others }) => others),
    skipLayers.map(({ key }) => key.s.S),
    workers.map(({ name, process, leaseTime, joined }) => [name, process, leaseTime, joined]).sort(),
    leftovers.length,
  ])
}
