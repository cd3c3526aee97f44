/**
 * Subscriptions: their registry, their leases and their checkpoints.
 *
 *     subscription-items.ts      the items, and how they are read
 *     subscription-registry.ts   names, definitions and settings of the subscriptions
 *     subscription-change.ts     changes that end all leases
 *     heartbeat.ts               the leases of the workers of this process
 *     process-beats.ts           the item of this process, and which other processes are alive
 */
import type {
  CheckpointMove,
  KeptLeases,
  Lease,
  MoveOutcome,
  PartitionCheckpoint,
  SubscriptionDefinition,
  SubscriptionProgress,
  WorkerBeat,
} from '../../storage/index.ts'
import { placePartition, type Tables } from '../keys.ts'
import type { Connection } from '../requests/connection.ts'
import { sideBySide } from '../requests/side-by-side.ts'
import type { Part, Writer } from '../requests/writer.ts'
import { ChangeNumber } from './change-number.ts'
import { advanceUpdate, isAhead, isLeased, parkedRequestsUpdate } from './checkpoint.ts'
import { CheckpointHolds } from './checkpoint-holds.ts'
import { moveCheckpointParts } from './checkpoint-moves.ts'
import { Heartbeat } from './heartbeat.ts'
import { KnownPlaces } from './known-places.ts'
import { SubscriptionChanges } from './subscription-change.ts'
import {
  mayHaveDueEvents,
  registeredOf,
  type StoredSubscription,
  SubscriptionItems,
} from './subscription-items.ts'
import { DynamodbSubscriptionRegistry, type RegistryParts } from './subscription-registry.ts'

const movesAtOnce = 32

export class DynamodbSubscriptions {
  readonly registry: DynamodbSubscriptionRegistry
  readonly #registryParts: RegistryParts
  readonly #connection: Connection
  readonly #table: string
  readonly #items: SubscriptionItems
  readonly #changes: SubscriptionChanges
  readonly #holds: CheckpointHolds
  readonly #places: KnownPlaces
  readonly #heartbeat: Heartbeat
  readonly #changeNumber: ChangeNumber
  /** By the names of the subscriptions. */
  readonly #lastPlaces = new Map<string, string>()

  constructor(given: Connection, writer: Writer, { log: table }: Tables) {
    // The log reads of many subscriptions must not delay what keeps their leases, and the calls that wait for them must not
    // delay the log reads.
    const connection = given.withUrgency('soon')
    const changeNumber = new ChangeNumber(connection, table)
    const holds = new CheckpointHolds(connection, table)
    const items = new SubscriptionItems(connection, table)
    const changes = new SubscriptionChanges({ connection, writer, items, holds, changeNumber, table })
    const places = new KnownPlaces({ items, changes, holds })
    this.#connection = connection
    this.#table = table
    this.#items = new SubscriptionItems(given, table)
    this.#changes = changes
    this.#holds = holds
    this.#places = places
    this.#changeNumber = changeNumber
    this.#heartbeat = new Heartbeat({ connection, items, holds, places, changeNumber, table })
    this.#registryParts = { connection, writer, items, changes, changeNumber, table }
    this.registry = new DynamodbSubscriptionRegistry(this.#registryParts)
  }

  keepLeases(
    beats: readonly WorkerBeat[],
    signal?: AbortSignal,
    renewed?: (ago: number) => void,
  ): Promise<readonly KeptLeases[]> {
    return this.#heartbeat.keepLeases(beats, signal, renewed)
  }

  releaseLeases(leases: readonly Lease[]): Promise<void> {
    return this.#heartbeat.releaseLeases(leases)
  }

  leave(place: string, worker: string): Promise<void> {
    return this.#heartbeat.leave(place, worker)
  }

  advance(moves: readonly CheckpointMove[], signal?: AbortSignal): Promise<readonly MoveOutcome[]> {
    return sideBySide(movesAtOnce, moves, (move) => this.#advance(move, signal))
  }

  async #advance({ lease, position }: CheckpointMove, signal: AbortSignal | undefined): Promise<MoveOutcome> {
    const input = advanceUpdate(this.#table, lease, position)
    const subject = { doing: 'Moving a checkpoint', table: this.#table, key: placePartition(lease.place) }
    const { done, item } = await this.#connection.write(subject, 'UpdateItem', input, signal)
    if (done || isAhead(item, lease)) {
      this.noteAdvanced(lease, position)
      return 'moved'
    }
    if (isLeased(item, lease)) return 'busy'
    this.#places.markStale(lease.place)
    return 'lost'
  }

  /** Notes that a transaction of this process has moved the checkpoint of a lease. */
  noteAdvanced(lease: Lease, position: number): void {
    this.#places.notePosition(lease, position)
  }

  /** Stores that no parked event of the lease's partition is due, as of the request with the number `parkedRequests`. */
  async noteNoneDue(lease: Lease, parkedRequests: number, signal?: AbortSignal): Promise<void> {
    const input = parkedRequestsUpdate(lease, parkedRequests)
    const subject = { doing: 'Reading parked events', table: this.#table, key: placePartition(lease.place) }
    const { done } = await this.#connection.write(subject, 'UpdateItem', input, signal)
    if (done) this.#places.changeCheckpoint(lease.place, lease, { parkedRequests })
  }

  /**
   * Reads the place consistently, because the caller may have moved the subscription just now. The place of the name may
   * come from an eventually consistent read: the header shows whether it is still right.
   */
  async readProgress(name: string, signal?: AbortSignal): Promise<SubscriptionProgress | undefined> {
    const place = this.#lastPlaces.get(name) ?? (await this.#items.recentPlace(name, signal))
    const stored =
      place === undefined ? undefined : await this.#items.read(place, { consistent: true }, signal)
    if (stored?.header.name !== name || stored.header.change !== undefined) return undefined
    this.#lastPlaces.set(name, stored.header.place)
    return {
      subscription: registeredOf(stored.header),
      checkpoint: Math.min(...stored.checkpoints.map(({ position }) => position)),
      mayHaveDueEvents: mayHaveDueEvents(stored),
    }
  }

  /** Parts of the transaction of a rebuild, see `moveCheckpointParts` in checkpoint-moves.ts. */
  moveCheckpointParts(
    name: string,
    definition: SubscriptionDefinition,
    position: number,
    signal?: AbortSignal,
  ): Promise<Part[]> {
    return moveCheckpointParts(this.#registryParts, this.registry, name, definition, position, signal)
  }

  /** Raises the change number, so that all processes notice a change that was written. Never rejects. */
  reportChange(): Promise<void> {
    return this.#changeNumber.raise()
  }

  /**
   * Holds the checkpoints, so that they cannot move. Returns the function that releases them. If it is never called,
   * workers release them after `longestLock`.
   */
  async holdCheckpoints(name: string, signal?: AbortSignal): Promise<() => Promise<void>> {
    for (;;) {
      const header = await this.registry.header(name, signal)
      if (header === undefined) return async () => {}
      const { place } = header
      const stored = await this.#items.read(place, { consistent: true }, signal)
      const release = await this.#holds.hold(place, stored?.checkpoints ?? [], signal)
      if (release !== undefined && stored !== undefined) return release
      await this.#changes.finish(place, signal)
    }
  }

  /** Calls that wait for a checkpoint poll this method. So it tries the last known place first, which saves a read. */
  async stored(name: string, signal?: AbortSignal): Promise<StoredSubscription | undefined> {
    for (let place = this.#lastPlaces.get(name); ; place = undefined) {
      place ??= (await this.registry.header(name, signal))?.place
      if (place === undefined) return undefined
      const stored = await this.#items.read(place, { consistent: true }, signal)
      if (stored?.header.name !== name || stored.header.change !== undefined) continue
      this.#lastPlaces.set(name, place)
      return stored
    }
  }

  async checkpoints(name: string, signal?: AbortSignal): Promise<readonly PartitionCheckpoint[]> {
    const { checkpoints = [], workers = [] } = (await this.stored(name, signal)) ?? {}
    const owners = new Set(checkpoints.map(({ owner }) => owner))
    const owning = workers.filter((worker) => owners.has(worker.name))
    const alive = await this.#heartbeat.aliveWorkers(owning, signal)
    return checkpoints.map(({ partition, position, owner }) => ({
      partition,
      position,
      owner: owner !== undefined && alive.has(owner) ? owner : undefined,
    }))
  }
}
