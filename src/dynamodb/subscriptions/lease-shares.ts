/** Takes the leases of one worker at a heartbeat, so that all workers of a subscription have about the same number. */
import { randomInt } from 'node:crypto'
import type { Lease, WorkerBeat } from '../../storage/index.ts'
import { placePartition, workerKey } from '../keys.ts'
import { number, numberOf, textOf } from '../requests/attributes.ts'
import type { Connection } from '../requests/connection.ts'
import { sideBySide } from '../requests/side-by-side.ts'
import { type Checkpoint, leaseOf, takeUpdate } from './checkpoint.ts'
import type { KnownPlaces } from './known-places.ts'
import type { OwnWorkers } from './own-workers.ts'
import type { StoredSubscription, StoredWorker } from './subscription-items.ts'

/** The state of one heartbeat, which the answers for all its workers use. */
export interface Round {
  readonly changeNumber: number
  /** For how long each of the other processes has sent no heartbeat, in milliseconds. */
  readonly idleTimes: ReadonlyMap<string, number>
  /** Whether this heartbeat has changed items that other processes must read: it then raises the change number. */
  readonly changed: { isChanged: boolean }
}

export interface LeaseSharesParts {
  readonly connection: Connection
  readonly places: KnownPlaces
  readonly workers: OwnWorkers
  readonly table: string
}

// The writes of one worker at the same time, for a subscription with many partitions.
const writesAtOnce = 32
// Other processes take leases at the same time. After so many reads of the place, the worker waits for the next heartbeat.
const mostRounds = 5

export class LeaseShares {
  readonly #parts: LeaseSharesParts

  constructor(parts: LeaseSharesParts) {
    this.#parts = parts
  }

  #subject(doing: string, place: string) {
    return { doing, table: this.#parts.table, key: placePartition(place) }
  }

  #isAlive(place: string, { name, process, leaseTime }: StoredWorker, { idleTimes }: Round): boolean {
    if (process === this.#parts.workers.process) return this.#parts.workers.isAlive(place, name)
    return (idleTimes.get(process) ?? 0) < leaseTime
  }

  /** The largest number of leases that a worker should hold. */
  shareOf({ header, workers }: StoredSubscription, round: Round): number {
    const alive = workers.filter((worker) => this.#isAlive(header.place, worker, round))
    return header.isPaused ? 0 : Math.ceil(header.partitions / Math.max(1, alive.length))
  }

  /** Takes free leases until the worker has its share. Another process may take them at the same time. */
  async takeShare(beat: WorkerBeat, round: Round, signal: AbortSignal | undefined): Promise<void> {
    const { places } = this.#parts
    const { place, worker } = beat
    for (let rounds = 1; ; rounds++) {
      await this.#removeDead(place, round, signal)
      const stored = places.get(place)
      if (stored === undefined || stored.header.change !== undefined) return
      const free = this.#freeCheckpoints(stored, worker, round)
      const missing = this.shareOf(stored, round) - leasesOf(stored, worker).length
      if (missing <= 0 || free.length === 0) return
      // Each worker begins with a random partition, so that two workers rarely want the same lease.
      const first = randomInt(free.length)
      const wanted = [...free.slice(first), ...free.slice(0, first)].slice(0, missing)
      const taken = await sideBySide(writesAtOnce, wanted, (one) => this.#take(place, one, worker, signal))
      if (!taken.includes(false)) return
      if (rounds === mostRounds) return places.markStale(place)
      await places.read(place, round.changeNumber, signal)
      if (refusalOf(beat, places.get(place)) !== undefined) return
    }
  }

  /** The checkpoints whose lease has no owner, or an owner that is not alive. */
  #freeCheckpoints(stored: StoredSubscription, self: string, round: Round): readonly Checkpoint[] {
    const { header, workers, checkpoints } = stored
    const alive = new Set(
      workers.filter((worker) => this.#isAlive(header.place, worker, round)).map(({ name }) => name),
    )
    return checkpoints.filter(
      ({ owner, isClosed }) => !isClosed && owner !== self && (owner === undefined || !alive.has(owner)),
    )
  }

  async #take(
    place: string,
    checkpoint: Checkpoint,
    worker: string,
    signal: AbortSignal | undefined,
  ): Promise<boolean> {
    const { connection, places } = this.#parts
    const subject = this.#subject('Taking a lease', place)
    const input = takeUpdate(place, checkpoint, worker)
    const { done, item } = await connection.write(subject, 'UpdateItem', input, signal)
    const token = checkpoint.token + 1
    // An earlier attempt of this request may have taken the lease, if its answer was lost.
    const isTaken = done || (textOf(item, 'owner') === worker && numberOf(item, 'token') === token)
    if (!isTaken) return false
    const position = numberOf(item, 'o') ?? checkpoint.position
    places.changeCheckpoint(place, checkpoint, { owner: worker, token, position })
    return true
  }

  /** Removes the items of dead workers, unless they have joined again since. */
  async #removeDead(place: string, round: Round, signal: AbortSignal | undefined): Promise<void> {
    const { connection, places } = this.#parts
    for (const worker of places.get(place)?.workers ?? []) {
      if (this.#isAlive(place, worker, round)) continue
      const { done } = await connection.write(
        this.#subject('Keeping leases', place),
        'DeleteItem',
        {
          Key: workerKey(place, worker.name),
          ConditionExpression: '#joined = :joined',
          ExpressionAttributeNames: { '#joined': 'joined' },
          ExpressionAttributeValues: { ':joined': number(worker.joined) },
        },
        signal,
      )
      if (!done) continue
      round.changed.isChanged = true
      places.forgetWorker(place, worker.name)
    }
  }
}

/** Returns why a worker must end; undefined if it may continue. `stored`: undefined if the subscription was removed. */
export function refusalOf(
  { subscription, version }: WorkerBeat,
  stored: StoredSubscription | undefined,
): 'superseded' | 'removed' | undefined {
  if (stored === undefined) return 'removed'
  const { name, definition } = stored.header
  return name !== subscription || (definition?.version ?? 0) > version ? 'superseded' : undefined
}

export function leasesOf({ header, checkpoints }: StoredSubscription, worker: string): readonly Lease[] {
  return checkpoints
    .filter(({ owner, isClosed }) => owner === worker && !isClosed)
    .map((checkpoint) => leaseOf(header, checkpoint))
}
