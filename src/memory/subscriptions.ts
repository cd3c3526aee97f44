/**
 * Checkpoints, leases and parked events in memory. Each method runs without an `await`, and so is one transaction.
 *
 * A lease lets one worker at a time handle a partition of a subscription. Its token is a fencing token: it rises each
 * time the lease gets another owner. A write with an older token fails, so that a worker that has lost its lease
 * without noticing it cannot move a checkpoint. (Source of the technique: Martin Kleppmann, "How to do distributed
 * locking", 2016.)
 */
import {
  type CheckpointMove,
  compareNames,
  type EventToPark,
  type KeptLeases,
  type Lease,
  LeaseLostError,
  type MoveOutcome,
  type ParkedRecord,
  type ParkedStream,
  type PartitionCheckpoint,
  partitionOf,
  type RegisteredSubscription,
  repartition,
  type SkipLayer,
  type SubscriptionChange,
  type SubscriptionDefinition,
  type SubscriptionProgress,
  type SubscriptionStorage,
  type WorkerBeat,
} from '../storage/index.ts'

/** The progress of one partition, and its lease. */
interface Checkpoint {
  /** All events of the partition up to this position (inclusive) are handled, parked or not selected. */
  position: number
  /** The worker that holds the lease. */
  owner: string | undefined
  /** The fencing token of the present lease. */
  token: number
  /** When another worker may take the lease, in milliseconds of `#now`. */
  leaseEnd: number
}

/** What is stored under the place of a subscription. */
interface Place {
  checkpoints: Checkpoint[]
  skip: readonly SkipLayer[]
  /** When each worker counts as dead unless its process sends a heartbeat before, in milliseconds of `#now`. */
  readonly workers: Map<string, number>
  /** The parked events, by position. */
  readonly parked: Map<number, ParkedRecord>
  parkedRequests: number
}

/** Implements `SubscriptionStorage`, without the two methods that the log implements. */
type SubscriptionsOfStorage = Omit<SubscriptionStorage, 'lastPosition' | 'positionBefore'>

export class MemorySubscriptions implements SubscriptionsOfStorage {
  readonly #registered = new Map<string, RegisteredSubscription>()
  readonly #places = new Map<string, Place>()
  /** The number in the name of the last place: no place is used twice. */
  #lastPlace = 0
  readonly #now: () => number

  constructor(now: () => number = () => performance.now()) {
    this.#now = now
  }

  async readSubscription(name: string): Promise<RegisteredSubscription | undefined> {
    return this.#registered.get(name)
  }

  async createSubscription(
    name: string,
    definition: SubscriptionDefinition,
    position: number,
  ): Promise<RegisteredSubscription> {
    return this.#registered.get(name) ?? this.#create(name, definition, position)
  }

  #create(name: string, definition: SubscriptionDefinition, position: number): RegisteredSubscription {
    const place = `place ${++this.#lastPlace}`
    const { partitions } = definition
    this.#places.set(place, {
      checkpoints: freeCheckpoints(partitions, position, 0),
      skip: [],
      workers: new Map(),
      parked: new Map(),
      parkedRequests: 0,
    })
    return this.#register({
      ...{ name, place, definition, partitions, isPaused: false, successor: undefined },
      ...{ createdAt: new Date(), revision: 1 },
    })
  }

  #register(subscription: RegisteredSubscription): RegisteredSubscription {
    this.#registered.set(subscription.name, subscription)
    return subscription
  }

  /** After a removal, the same name and the same revision may come again, but never the same place. */
  #isUnchanged({ name, place, revision }: RegisteredSubscription): boolean {
    const present = this.#registered.get(name)
    return present !== undefined && present.place === place && present.revision === revision
  }

  /** Returns the place of a subscription; undefined if what is stored differs from the given one. */
  #unchangedPlace(current: RegisteredSubscription): Place | undefined {
    return this.#isUnchanged(current) ? this.#placeOf(current.name) : undefined
  }

  #placeOf(name: string): Place | undefined {
    const { place } = this.#registered.get(name) ?? {}
    return place === undefined ? undefined : this.#places.get(place)
  }

  async changeSubscription(current: RegisteredSubscription, change: SubscriptionChange): Promise<boolean> {
    const place = this.#unchangedPlace(current)
    if (place === undefined) return false
    const { definition = current.definition, partitions = current.partitions, position, again } = change
    endLeases(place)
    if (partitions !== place.checkpoints.length) setPartitions(place, partitions)
    if (position !== undefined && again === true) moveBack(place, position)
    for (const checkpoint of place.checkpoints) {
      checkpoint.position = Math.max(checkpoint.position, position ?? 0)
    }
    this.#register({ ...current, definition, partitions, revision: current.revision + 1 })
    return true
  }

  async takeOverSubscription(
    current: RegisteredSubscription,
    successor: string,
    definition: SubscriptionDefinition,
  ): Promise<boolean> {
    const place = this.#unchangedPlace(current)
    if (place === undefined || this.#registered.has(successor)) return false
    const { partitions } = definition
    endLeases(place)
    if (partitions !== place.checkpoints.length) setPartitions(place, partitions)
    this.#register({
      ...current,
      ...{ name: successor, definition, partitions, createdAt: new Date(), revision: 1 },
    })
    this.#register({ ...current, place: undefined, successor, revision: current.revision + 1 })
    return true
  }

  async pauseSubscription(name: string, isPaused: boolean): Promise<boolean> {
    const current = this.#registered.get(name)
    if (current?.place === undefined) return false
    this.#register({ ...current, isPaused, revision: current.revision + 1 })
    return true
  }

  async removeSubscription(current: RegisteredSubscription): Promise<boolean> {
    if (!this.#isUnchanged(current)) return false
    const { name, place } = current
    this.#registered.delete(name)
    if (place !== undefined) this.#places.delete(place)
    return true
  }

  async listSubscriptions(after: string, limit: number): Promise<readonly RegisteredSubscription[]> {
    return [...this.#registered.values()]
      .filter(({ name }) => compareNames(name, after) > 0)
      .sort((a, b) => compareNames(a.name, b.name))
      .slice(0, limit)
  }

  async keepLeases(beats: readonly WorkerBeat[]): Promise<readonly KeptLeases[]> {
    return beats.map((beat) => this.#keep(beat))
  }

  #keep({ subscription, place: placeName, version, worker, milliseconds }: WorkerBeat): KeptLeases {
    const registered = this.#registered.get(subscription)
    if (registered === undefined) return { kind: 'removed' }
    const { place: present, isPaused, partitions, definition } = registered
    if (present === undefined || (definition?.version ?? 0) > version) return { kind: 'superseded' }
    const place = this.#places.get(present)
    if (present !== placeName || place === undefined) return { kind: 'removed' }
    const { checkpoints, workers } = place
    const now = this.#now()
    workers.set(worker, now + milliseconds)
    for (const [other, end] of workers) if (end <= now) workers.delete(other)
    const share = isPaused ? 0 : Math.ceil(checkpoints.length / workers.size)
    const leases: Lease[] = []
    const grant = (checkpoint: Checkpoint, partition: number) => {
      checkpoint.leaseEnd = now + milliseconds
      const { token, position } = checkpoint
      leases.push({ subscription, place: present, partition, partitions, token, position })
    }
    for (const [partition, checkpoint] of checkpoints.entries()) {
      // Even an expired lease: as no other worker has taken it, this worker still owns the partition.
      if (checkpoint.owner === worker) grant(checkpoint, partition)
    }
    for (const [partition, checkpoint] of checkpoints.entries()) {
      if (leases.length >= share) break
      if (checkpoint.owner === worker || (checkpoint.owner !== undefined && checkpoint.leaseEnd > now))
        continue
      checkpoint.owner = worker
      checkpoint.token++
      grant(checkpoint, partition)
    }
    leases.sort((a, b) => a.partition - b.partition)
    const lowest = Math.min(...checkpoints.map(({ position }) => position))
    place.skip = place.skip.filter((layer) => Math.max(...layer) > lowest)
    const { skip, parkedRequests } = place
    return { kind: 'kept', leases, share, isPaused, skip, parkedRequests }
  }

  async releaseLeases(leases: readonly Lease[]): Promise<void> {
    for (const lease of leases) {
      const checkpoint = this.#find(lease)
      if (checkpoint !== undefined) checkpoint.owner = undefined
    }
  }

  async leave(place: string, worker: string): Promise<void> {
    const { workers, checkpoints = [] } = this.#places.get(place) ?? {}
    workers?.delete(worker)
    for (const checkpoint of checkpoints) if (checkpoint.owner === worker) checkpoint.owner = undefined
  }

  /** Returns the checkpoint of a lease, or `undefined` if the lease was released or has another owner. */
  #find({ place, partition, token }: Lease): Checkpoint | undefined {
    const checkpoint = this.#places.get(place)?.checkpoints[partition]
    return checkpoint?.token === token && checkpoint.owner !== undefined ? checkpoint : undefined
  }

  /** @throws LeaseLostError if the lease was released or has another owner. */
  check(lease: Lease): void {
    if (this.#find(lease) === undefined) throw new LeaseLostError(lease.subscription, lease.partition)
  }

  async advance(moves: readonly CheckpointMove[]): Promise<readonly MoveOutcome[]> {
    return moves.map(({ lease, position }) => {
      if (this.#find(lease) === undefined) return 'lost'
      this.advanceNow(lease, position)
      return 'moved'
    })
  }

  /**
   * Moves the checkpoint without a promise, so that a transaction can call it while it commits. Never moves it back.
   */
  advanceNow(lease: Lease, position: number): void {
    this.check(lease)
    const checkpoint = this.#find(lease) as Checkpoint
    checkpoint.position = Math.max(checkpoint.position, position)
  }

  async park(lease: Lease, events: readonly EventToPark[], position: number): Promise<void> {
    this.advanceNow(lease, position)
    for (const event of events) this.#put(lease, event)
  }

  /** Parks an event, or replaces the record of an event that is already parked. */
  #put({ place }: Lease, event: EventToPark): void {
    this.#places.get(place)?.parked.set(event.position, { ...event, parkedAt: new Date() })
  }

  #parkedInOrder(place: Place | undefined): ParkedRecord[] {
    return [...(place?.parked.values() ?? [])].sort((a, b) => a.position - b.position)
  }

  #parkedOf({ place, partition, partitions }: Lease): ParkedRecord[] {
    const all = this.#parkedInOrder(this.#places.get(place))
    return all.filter(({ streamId }) => partitionOf(streamId, partitions) === partition)
  }

  /**
   * Returns the parked events that a worker must handle now: events that a user has asked to retry, and blocked events
   * with no parked event of their stream before them.
   */
  async parkedToHandle(lease: Lease, limit: number): Promise<readonly ParkedRecord[]> {
    return dueEvents(this.#parkedOf(lease)).slice(0, limit)
  }

  async readProgress(name: string): Promise<SubscriptionProgress | undefined> {
    const [subscription, place] = [this.#registered.get(name), this.#placeOf(name)]
    if (subscription === undefined || place === undefined) return undefined
    const due = dueEvents(this.#parkedInOrder(place))
    const checkpoint = Math.min(...place.checkpoints.map(({ position }) => position))
    return { subscription, checkpoint, mayHaveDueEvents: due.length > 0 }
  }

  async parkAgain(lease: Lease, event: EventToPark): Promise<void> {
    this.check(lease)
    this.#put(lease, event)
  }

  async parkedStreams(lease: Lease): Promise<readonly ParkedStream[]> {
    // They are in order of position, so the last one of each stream wins.
    const last = new Map(this.#parkedOf(lease).map(({ streamId, position }) => [streamId, position]))
    return [...last].map(([streamId, position]) => ({ streamId, position }))
  }

  /** Removes a handled event from the parked ones without a promise, so that a transaction can call it. */
  unparkNow(lease: Lease, position: number): void {
    this.check(lease)
    this.#places.get(lease.place)?.parked.delete(position)
  }

  async listParked(name: string, after: number, limit: number): Promise<readonly ParkedRecord[]> {
    return this.#parkedInOrder(this.#placeOf(name))
      .filter(({ position }) => position > after)
      .slice(0, limit)
  }

  async retryParked(name: string, positions: readonly number[]): Promise<readonly number[]> {
    const place = this.#placeOf(name)
    return positions.filter((position) => {
      const event = place?.parked.get(position)
      if (place === undefined || event === undefined) return false
      if (event.state === 'parked') {
        place.parked.set(position, { ...event, state: 'retrying' })
        place.parkedRequests++
      }
      return true
    })
  }

  async skipParked(name: string, positions: readonly number[]): Promise<readonly number[]> {
    const place = this.#placeOf(name)
    return positions.filter((position) => {
      if (place?.parked.delete(position) !== true) return false
      place.parkedRequests++
      return true
    })
  }

  async checkpoints(name: string): Promise<readonly PartitionCheckpoint[]> {
    const now = this.#now()
    const checkpoints = this.#placeOf(name)?.checkpoints ?? []
    return checkpoints.map(({ position, owner, leaseEnd }, partition) => ({
      partition,
      position,
      owner: leaseEnd > now ? owner : undefined,
    }))
  }

  /**
   * Sets all checkpoints to a position and ends all leases. A rebuild calls it when its documents contain all events up
   * to that position. Parked events up to there are handled by the rebuild too, and thus are parked no longer.
   */
  moveCheckpointsNow(name: string, definition: SubscriptionDefinition, position: number): void {
    const current = this.#registered.get(name) ?? this.#create(name, definition, position)
    const place = this.#placeOf(name)
    if (place === undefined) return
    endLeases(place)
    for (const checkpoint of place.checkpoints) checkpoint.position = position
    for (const parkedAt of place.parked.keys()) if (parkedAt <= position) place.parked.delete(parkedAt)
    place.skip = []
    place.parkedRequests++
    this.#register({ ...current, definition, revision: current.revision + 1 })
  }

  async countParked(name: string): Promise<number> {
    return this.#placeOf(name)?.parked.size ?? 0
  }
}

function freeCheckpoints(count: number, position: number, token: number): Checkpoint[] {
  return Array.from({ length: count }, () => ({ position, owner: undefined, token, leaseEnd: 0 }))
}

function endLeases({ checkpoints }: Place): void {
  for (const checkpoint of checkpoints) {
    checkpoint.owner = undefined
    checkpoint.token++
  }
}

/** Moves checkpoints back. Deletes the records of parked events after the position, because workers handle them again. */
function moveBack(place: Place, position: number): void {
  for (const checkpoint of place.checkpoints) {
    checkpoint.position = Math.min(checkpoint.position, position)
  }
  for (const parkedAt of place.parked.keys()) if (parkedAt > position) place.parked.delete(parkedAt)
  place.skip = []
}

/** Repartitions a subscription. All checkpoints get a higher token, so that no token is used again. */
function setPartitions(place: Place, partitions: number): void {
  const { checkpoints } = place
  const { position, skip } = repartition(
    place.skip,
    checkpoints.map((checkpoint) => checkpoint.position),
  )
  const token = Math.max(...checkpoints.map((checkpoint) => checkpoint.token)) + 1
  place.checkpoints = freeCheckpoints(partitions, position, token)
  place.skip = skip
}

/**
 * Returns the events that a user has asked to retry, and the blocked events with no earlier event of their stream before them.
 * `parked`: all of their streams, in order of position.
 */
function dueEvents(parked: readonly ParkedRecord[]): ParkedRecord[] {
  const first = new Map<string, number>()
  for (const { streamId, position } of parked) if (!first.has(streamId)) first.set(streamId, position)
  return parked.filter(
    ({ state, streamId, position }) =>
      state === 'retrying' || (state === 'blocked' && first.get(streamId) === position),
  )
}
