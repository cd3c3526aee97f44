/**
 * The heartbeat of a process, for all its workers together. Each heartbeat reads the change number. It writes the item of
 * the process only if the item would otherwise become older than half of the shortest lease time. It reads the subscriptions
 * only
 *
 * - if the change number has changed: another process has registered, changed, paused or removed a subscription, asked
 *   for a retry of parked events, moved checkpoints, joined, released leases or left,
 * - if a worker is new,
 * - some time after it has last read them, see `readInterval`.
 *
 * Otherwise it answers from memory (see known-places.ts). No lease needs a write of its own: a lease lasts as long as its
 * worker is alive.
 *
 * No process trusts the clock of another one. If a worker that counts as dead still writes, its fencing token is refused.
 */
import { randomInt } from 'node:crypto'
import type { KeptLeases, Lease, SkipLayer, WorkerBeat } from '../../storage/index.ts'
import { placePartition } from '../keys.ts'
import type { Connection } from '../requests/connection.ts'
import { sideBySide } from '../requests/side-by-side.ts'
import type { ChangeNumber } from './change-number.ts'
import { releaseUpdate } from './checkpoint.ts'
import type { CheckpointHolds } from './checkpoint-holds.ts'
import type { KnownPlaces } from './known-places.ts'
import { LeaseShares, leasesOf, type Round, refusalOf } from './lease-shares.ts'
import { OwnWorkers } from './own-workers.ts'
import { ProcessBeats } from './process-beats.ts'
import {
  mayHaveDueEvents,
  type StoredSubscription,
  type StoredWorker,
  type SubscriptionItems,
} from './subscription-items.ts'

export interface HeartbeatParts {
  readonly connection: Connection
  readonly items: SubscriptionItems
  readonly holds: CheckpointHolds
  readonly places: KnownPlaces
  readonly changeNumber: ChangeNumber
  readonly table: string
}

/**
 * The longest time between two reads of a place, in milliseconds: the lease time up to 15 s; for a longer one a third of it,
 * and 15 s at least. This read finds the changes of processes that died before they raised the change number.
 */
const readInterval = (leaseTime: number) => Math.max(leaseTime / 3, Math.min(leaseTime, 15_000))

const placesAtOnce = 8
const writesAtOnce = 32

export class Heartbeat {
  readonly #parts: HeartbeatParts
  readonly #beats: ProcessBeats
  readonly #workers: OwnWorkers
  readonly #shares: LeaseShares

  constructor(parts: HeartbeatParts) {
    this.#parts = parts
    this.#beats = new ProcessBeats(parts.connection, parts.table)
    this.#workers = new OwnWorkers(parts.connection, parts.table, this.#beats.process)
    const { connection, places, table } = parts
    this.#shares = new LeaseShares({ connection, places, workers: this.#workers, table })
  }

  #subject(doing: string, place: string) {
    return { doing, table: this.#parts.table, key: placePartition(place) }
  }

  async keepLeases(
    beats: readonly WorkerBeat[],
    signal?: AbortSignal,
    renewed: (ago: number) => void = () => {},
  ): Promise<readonly KeptLeases[]> {
    if (beats.length === 0) return []
    const { changeNumber: changeNumbers } = this.#parts
    const endBeat = this.#workers.beat(beats)
    const calledAt = performance.now()
    const { leaseTimes } = this.#workers
    const renew = async (beat: Promise<void>) => {
      await beat
      renewed(this.#beats.age)
    }
    const changed = { isChanged: false }
    const stopBeating = beatMeanwhile(beats, () => renew(this.#beats.send(leaseTimes.longest, signal)))
    try {
      const [changeNumber] = await Promise.all([
        changeNumbers.read(signal),
        renew(this.#beats.keep(leaseTimes, signal)),
      ])
      const renewedBefore = Math.max(0, this.#beats.age - (performance.now() - calledAt))
      const answers = await this.#answerAll(beats, changeNumber, changed, signal)
      return answers.map((kept) => (kept.kind === 'kept' ? { ...kept, renewedBefore } : kept))
    } finally {
      stopBeating()
      endBeat()
      if (changed.isChanged) await changeNumbers.raise()
    }
  }

  async #answerAll(
    beats: readonly WorkerBeat[],
    changeNumber: number,
    changed: Round['changed'],
    signal: AbortSignal | undefined,
  ): Promise<readonly KeptLeases[]> {
    const { places } = this.#parts
    changed.isChanged = await this.#removeEnded(signal)
    places.forgetOthers(this.#workers.places)
    const byPlace = groupByPlace(beats)
    await sideBySide(placesAtOnce, [...byPlace], ([place, ofPlace]) => {
      const interval = readInterval(Math.min(...ofPlace.map(({ milliseconds }) => milliseconds)))
      return places.readIfDue(place, { changeNumber, interval }, signal)
    })
    const idleTimes = await this.#beats.idleTimes(this.#otherProcesses(), signal)
    const answers = new Map<WorkerBeat, KeptLeases>()
    await sideBySide(placesAtOnce, [...byPlace.values()], async (ofPlace) => {
      // One worker after the other: each one must count when the next one computes its share.
      for (const beat of ofPlace) {
        answers.set(beat, await this.#answer(beat, { changeNumber, idleTimes, changed }, signal))
      }
    })
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
      this.#parts.places.forgetWorker(worker.place, worker.name)
      return true
    })
    return removed.includes(true)
  }

  /** The processes of the other workers, each with the shortest lease time of its workers. */
  #otherProcesses(): ReadonlyMap<string, number> {
    const leaseTimes = new Map<string, number>()
    for (const place of this.#workers.places) {
      for (const { process, leaseTime } of this.#parts.places.get(place)?.workers ?? []) {
        if (process === this.#beats.process) continue
        leaseTimes.set(process, Math.min(leaseTime, leaseTimes.get(process) ?? leaseTime))
      }
    }
    return leaseTimes
  }

  async #answer(beat: WorkerBeat, round: Round, signal: AbortSignal | undefined): Promise<KeptLeases> {
    const { places } = this.#parts
    const { place, worker } = beat
    if (refusalOf(beat, places.get(place)) === undefined) {
      await this.#join(beat, round, signal)
      await this.#shares.takeShare(beat, round, signal)
    }
    const stored = places.get(place)
    const refusal = refusalOf(beat, stored)
    if (stored === undefined || refusal !== undefined) {
      return this.#refuse(beat, refusal ?? 'removed', round, signal)
    }
    // It has left during this call, which may have stored its item again. As long as this process lives, it would count as
    // alive.
    if (!this.#workers.isAlive(place, worker)) return this.#refuse(beat, 'removed', round, signal)
    const { isPaused, parkedRequests } = stored.header
    return {
      kind: 'kept',
      leases: leasesOf(stored, worker),
      share: this.#shares.shareOf(stored, round),
      isPaused,
      skip: await this.#skipOf(stored, signal),
      parkedRequests: mayHaveDueEvents(stored) ? parkedRequests : 0,
    }
  }

  /** Returns the answer for a worker that must end, and removes its item. */
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
    if (known?.process === this.#workers.process && known.leaseTime === milliseconds) return
    const joined = await this.#workers.join(beat, randomInt(2 ** 47), signal)
    this.#parts.places.change(place, ({ workers }) => ({
      workers: [...workers.filter(({ name }) => name !== worker), joined],
    }))
    changed.isChanged = true
  }

  /** Returns the skip layers that reach beyond the lowest checkpoint. Deletes the others. */
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
    this.#parts.places.forgetWorker(place, worker)
    places.forgetOthers(this.#workers.places)
    await changeNumber.raise()
    await holds.storeIdleTimes(place)
    if (this.#workers.isEmpty) await this.#beats.storeIdleTimes()
  }

  /** Returns the names of the workers that are alive by the clocks of their processes: only for display. */
  async aliveWorkers(workers: readonly StoredWorker[], signal?: AbortSignal): Promise<ReadonlySet<string>> {
    if (workers.length === 0) return new Set()
    const alive = await this.#beats.alive([...new Set(workers.map(({ process }) => process))], signal)
    return new Set(workers.filter(({ process }) => alive.has(process)).map(({ name }) => name))
  }
}

/**
 * Sends the heartbeat again each third of the shortest lease time, until the returned function is called: a process whose
 * call takes longer than a lease must neither count as dead, nor believe that its leases have expired.
 */
function beatMeanwhile(beats: readonly WorkerBeat[], beat: () => Promise<void>): () => void {
  const interval = Math.min(...beats.map(({ milliseconds }) => milliseconds)) / 3
  // After a failure, the next one follows soon. If none arrives, the leases end.
  const timer = setInterval(() => beat().catch(() => {}), interval)
  return () => clearInterval(timer)
}

function groupByPlace(beats: readonly WorkerBeat[]): ReadonlyMap<string, readonly WorkerBeat[]> {
  const groups = new Map<string, WorkerBeat[]>()
  for (const beat of beats) groups.set(beat.place, [...(groups.get(beat.place) ?? []), beat])
  return groups
}
