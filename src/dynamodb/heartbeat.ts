/**
 * The heartbeat of a process. It costs one write, however many workers the process has, and one read of the change number.
 * The process looks at its subscriptions only
 *
 * - if the change number has changed: another process has registered, changed, paused or removed a subscription, asked
 *   for a retry of parked events, moved checkpoints, joined, released leases or left,
 * - if a worker is new,
 * - a third of the shortest lease time after the last look.
 *
 * Between two looks it answers with what it knows (see known-places.ts). To renew a lease writes nothing: a lease lasts as
 * long as its worker is alive.
 *
 * No process trusts the clock of another one. If a worker that counts as dead still writes, its fencing token is refused.
 */
import { randomInt } from 'node:crypto'
import type { KeptLeases, Lease, SkipLayer, WorkerBeat } from '../storage/index.ts'
import { number, numberOf, textOf } from './attributes.ts'
import type { ChangeNumber } from './change-number.ts'
import { type Checkpoint, leaseOf, releaseUpdate, takeUpdate } from './checkpoint.ts'
import type { CheckpointHolds } from './checkpoint-holds.ts'
import type { Connection } from './connection.ts'
import { placePartition, workerKey } from './keys.ts'
import type { KnownPlaces } from './known-places.ts'
import { OwnWorkers } from './own-workers.ts'
import { ProcessBeats } from './process-beats.ts'
import { sideBySide } from './side-by-side.ts'
import type { StoredSubscription, StoredWorker, SubscriptionItems } from './subscription-items.ts'

export interface HeartbeatParts {
  readonly connection: Connection
  readonly items: SubscriptionItems
  readonly holds: CheckpointHolds
  readonly places: KnownPlaces
  readonly changeNumber: ChangeNumber
  readonly table: string
}

const placesAtOnce = 8
// The writes of one worker at the same time, for a subscription with many partitions.
const writesAtOnce = 32
// Other processes take leases at the same time. After so many looks, the next heartbeat tries again.
const mostRounds = 5

export class Heartbeat {
  readonly #parts: HeartbeatParts
  readonly #beats: ProcessBeats
  readonly #workers: OwnWorkers

  constructor(parts: HeartbeatParts) {
    this.#parts = parts
    this.#beats = new ProcessBeats(parts.connection, parts.table)
    this.#workers = new OwnWorkers(parts.connection, parts.table, this.#beats.process)
  }

  #subject(doing: string, place: string) {
    return { doing, table: this.#parts.table, key: placePartition(place) }
  }

  async keepLeases(beats: readonly WorkerBeat[], signal?: AbortSignal): Promise<readonly KeptLeases[]> {
    if (beats.length === 0) return []
    const { changeNumber: changeNumbers, places } = this.#parts
    this.#workers.note(beats)
    const [changeNumber] = await Promise.all([
      changeNumbers.read(signal),
      this.#beats.send(this.#workers.longestLeaseTime, signal),
    ])
    const changed = { isChanged: await this.#removeEnded(signal) }
    places.forgetOthers(this.#workers.places)
    const byPlace = groupByPlace(beats)
    await sideBySide(placesAtOnce, [...byPlace], ([place, ofPlace]) => {
      const interval = Math.min(...ofPlace.map(({ milliseconds }) => milliseconds)) / 3
      return places.lookIfDue(place, { changeNumber, interval }, signal)
    })
    const idleTimes = await this.#beats.idleTimes(this.#otherProcesses([...byPlace.keys()]), signal)
    const answers = new Map<WorkerBeat, KeptLeases>()
    await sideBySide(placesAtOnce, [...byPlace.values()], async (ofPlace) => {
      // One after the other: each of them counts when the next one computes its share.
      for (const beat of ofPlace) {
        answers.set(beat, await this.#answer(beat, { changeNumber, idleTimes, changed }, signal))
      }
    })
    if (changed.isChanged) await changeNumbers.raise()
    return beats.map((beat) => answers.get(beat) as KeptLeases)
  }

  /** Removes the items of workers that have ended. Returns whether it has removed one. Never rejects. */
  async #removeEnded(signal: AbortSignal | undefined): Promise<boolean> {
    const removed = await sideBySide(writesAtOnce, this.#workers.ended, async (worker) => {
      try {
        await this.#workers.remove(worker, signal)
      } catch {
        return false
      }
      this.#forgetWorker(worker.place, worker.name)
      return true
    })
    return removed.includes(true)
  }

  #forgetWorker(place: string, name: string): void {
    this.#parts.places.change(place, ({ workers }) => ({
      workers: workers.filter((worker) => worker.name !== name),
    }))
  }

  /** The processes of the other workers, each with the shortest lease time of its workers. */
  #otherProcesses(places: readonly string[]): ReadonlyMap<string, number> {
    const leaseTimes = new Map<string, number>()
    for (const place of places) {
      for (const { process, leaseTime } of this.#parts.places.get(place)?.workers ?? []) {
        if (process === this.#beats.process) continue
        leaseTimes.set(process, Math.min(leaseTime, leaseTimes.get(process) ?? leaseTime))
      }
    }
    return leaseTimes
  }

  async #answer(beat: WorkerBeat, round: Round, signal: AbortSignal | undefined): Promise<KeptLeases> {
    const { places } = this.#parts
    const { place, subscription, version, worker } = beat
    const stored = places.get(place)
    if (stored === undefined) return this.#refuse(beat, 'removed', round, signal)
    const { name, definition } = stored.header
    if (name !== subscription || (definition?.version ?? 0) > version) {
      return this.#refuse(beat, 'superseded', round, signal)
    }
    await this.#join(beat, round, signal)
    await this.#takeShare(beat, round, signal)
    const now = places.get(place)
    if (now === undefined) return this.#refuse(beat, 'removed', round, signal)
    const { isPaused, parkedRequests } = now.header
    return {
      kind: 'kept',
      leases: leasesOf(now, worker),
      share: this.#shareOf(now, round),
      isPaused,
      skip: await this.#skipOf(now, signal),
      parkedRequests,
    }
  }

  /** The worker must end: all its leases have ended. */
  async #refuse(
    { place, worker }: WorkerBeat,
    kind: 'superseded' | 'removed',
    round: Round,
    signal: AbortSignal | undefined,
  ): Promise<KeptLeases> {
    this.#workers.end(place, worker)
    if (await this.#removeEnded(signal)) round.changed.isChanged = true
    return { kind }
  }

  /** Stores the worker, unless it is stored. Another process may have removed it as dead. */
  async #join(beat: WorkerBeat, { changed }: Round, signal: AbortSignal | undefined): Promise<void> {
    const { place, worker, milliseconds } = beat
    const known = this.#parts.places.get(place)?.workers.find(({ name }) => name === worker)
    if (known?.process === this.#beats.process && known.leaseTime === milliseconds) return
    const joined = await this.#workers.join(beat, randomInt(2 ** 47), signal)
    this.#parts.places.change(place, ({ workers }) => ({
      workers: [...workers.filter(({ name }) => name !== worker), joined],
    }))
    changed.isChanged = true
  }

  #isAlive(place: string, { name, process, leaseTime }: StoredWorker, { idleTimes }: Round): boolean {
    if (process === this.#beats.process) return this.#workers.isAlive(place, name)
    return (idleTimes.get(process) ?? 0) < leaseTime
  }

  #shareOf({ header, workers }: StoredSubscription, round: Round): number {
    const alive = workers.filter((worker) => this.#isAlive(header.place, worker, round))
    return header.isPaused ? 0 : Math.ceil(header.partitions / Math.max(1, alive.length))
  }

  /** Takes free leases until the worker has its share. Another process may take them at the same time. */
  async #takeShare(beat: WorkerBeat, round: Round, signal: AbortSignal | undefined): Promise<void> {
    const { places } = this.#parts
    const { place, worker } = beat
    for (let rounds = 1; ; rounds++) {
      await this.#removeDead(place, round, signal)
      const stored = places.get(place)
      if (stored === undefined || stored.header.change !== undefined) return
      const free = this.#freeCheckpoints(stored, worker, round)
      const missing = this.#shareOf(stored, round) - leasesOf(stored, worker).length
      if (missing <= 0 || free.length === 0) return
      // Each worker begins at another place, so that they rarely want the same lease.
      const first = randomInt(free.length)
      const wanted = [...free.slice(first), ...free.slice(0, first)].slice(0, missing)
      const taken = await sideBySide(writesAtOnce, wanted, (one) => this.#take(place, one, worker, signal))
      if (!taken.includes(false)) return
      if (rounds === mostRounds) return places.markStale(place)
      await places.look(place, round.changeNumber, signal)
      if (this.#isRefused(beat)) return
    }
  }

  #isRefused({ place, subscription, version }: WorkerBeat): boolean {
    const { header } = this.#parts.places.get(place) ?? {}
    return header?.name !== subscription || (header.definition?.version ?? 0) > version
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
      this.#forgetWorker(place, worker.name)
    }
  }

  /** The skip layers that some checkpoint is not past yet. Deletes the others. */
  async #skipOf(
    { header, checkpoints, skipLayers }: StoredSubscription,
    signal: AbortSignal | undefined,
  ): Promise<readonly SkipLayer[]> {
    if (skipLayers.length === 0) return []
    const { connection, places } = this.#parts
    const lowest = Math.min(...checkpoints.map(({ position }) => position))
    const needed = skipLayers.filter(({ positions }) => Math.max(...positions) > lowest)
    const passed = skipLayers.filter((layer) => !needed.includes(layer)).map(({ key }) => key)
    if (passed.length > 0) {
      await connection.deleteAll(this.#subject('Keeping leases', header.place), passed, signal)
      places.change(header.place, () => ({ skipLayers: needed }))
    }
    return needed.map(({ positions }) => positions)
  }

  async releaseLeases(leases: readonly Lease[]): Promise<void> {
    const { connection, places, changeNumber } = this.#parts
    await sideBySide(writesAtOnce, leases, async (lease) => {
      const { place } = lease
      await connection.write(this.#subject('Releasing a lease', place), 'UpdateItem', releaseUpdate(lease))
      places.changeCheckpoint(place, lease, { owner: undefined })
    })
    if (leases.length > 0) await changeNumber.raise()
  }

  async leave(place: string, worker: string): Promise<void> {
    const { items, places, changeNumber, holds } = this.#parts
    this.#workers.end(place, worker)
    const stored = await items.read(place, { consistent: true }, undefined)
    if (stored !== undefined) await this.releaseLeases(leasesOf(stored, worker))
    await this.#workers.remove({ place, name: worker })
    this.#forgetWorker(place, worker)
    places.forgetOthers(this.#workers.places)
    await changeNumber.raise()
    await holds.storeIdleTimes(place)
    if (this.#workers.isEmpty) await this.#beats.storeIdleTimes()
  }

  /** Returns the workers among these whose leases have not ended by their own clocks: only for display. */
  async aliveWorkers(workers: readonly StoredWorker[], signal?: AbortSignal): Promise<ReadonlySet<string>> {
    if (workers.length === 0) return new Set()
    const alive = await this.#beats.alive([...new Set(workers.map(({ process }) => process))], signal)
    return new Set(workers.filter(({ process }) => alive.has(process)).map(({ name }) => name))
  }
}

/** What the answers of one heartbeat share. */
interface Round {
  readonly changeNumber: number
  /** For how long each of the other processes has sent no heartbeat, in milliseconds. */
  readonly idleTimes: ReadonlyMap<string, number>
  /** Whether other processes must look. */
  readonly changed: { isChanged: boolean }
}

function leasesOf({ header, checkpoints }: StoredSubscription, worker: string): readonly Lease[] {
  return checkpoints
    .filter(({ owner, isClosed }) => owner === worker && !isClosed)
    .map((checkpoint) => leaseOf(header, checkpoint))
}

function groupByPlace(beats: readonly WorkerBeat[]): ReadonlyMap<string, readonly WorkerBeat[]> {
  const groups = new Map<string, WorkerBeat[]>()
  for (const beat of beats) groups.set(beat.place, [...(groups.get(beat.place) ?? []), beat])
  return groups
}
