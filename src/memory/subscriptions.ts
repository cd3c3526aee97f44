/**
 * Checkpoints, leases and parked events in memory. Each method runs without an `await`, and so is one transaction.
 *
 * A lease lets one worker at a time handle a partition of a subscription. Its token is a fencing token: it rises each
 * time the lease gets another owner. A write with an older token fails, so that a worker that has lost its lease
 * without noticing it cannot move a checkpoint. (Source of the technique: Martin Kleppmann, "How to do distributed
 * locking", 2016.)
 */
import {
  type EventToPark,
  type KeptLeases,
  type Lease,
  LeaseLostError,
  type ParkedRecord,
  type ParkedStream,
  type PartitionCheckpoint,
  type SubscriptionStorage,
} from '../storage/index.ts'

/** The progress of one partition, and its lease. */
interface Checkpoint {
  /** All events of the partition up to here are handled, parked or skipped. */
  position: number
  /** The worker that holds the lease. */
  owner: string | undefined
  /** The fencing token of the present lease. */
  token: number
  /** When another worker may take the lease, in milliseconds of `#now`. */
  leaseEnd: number
}

interface Subscription {
  readonly checkpoints: Checkpoint[]
  /** When each worker counts as dead unless it calls `keepLeases` before, in milliseconds of `#now`. */
  readonly workers: Map<string, number>
  /** The parked events, by position. */
  readonly parked: Map<number, ParkedRecord>
}

/** The two other methods of `SubscriptionStorage` are answered by the log. */
type SubscriptionsOfStorage = Omit<SubscriptionStorage, 'lastPosition' | 'positionBefore'>

export class MemorySubscriptions implements SubscriptionsOfStorage {
  readonly #subscriptions = new Map<string, Subscription>()
  readonly #now: () => number

  constructor(now: () => number = () => performance.now()) {
    this.#now = now
  }

  async createSubscription(name: string, partitions: number, position: number): Promise<number> {
    const existing = this.#subscriptions.get(name)
    return (existing ?? this.#create(name, partitions, position)).checkpoints.length
  }

  #create(name: string, partitions: number, position: number): Subscription {
    const checkpoints = Array.from({ length: partitions }, () => ({
      position,
      owner: undefined,
      token: 0,
      leaseEnd: 0,
    }))
    const subscription = { checkpoints, workers: new Map(), parked: new Map() }
    this.#subscriptions.set(name, subscription)
    return subscription
  }

  /**
   * Renews the leases of a worker and takes free ones, up to its share of the partitions. The worker calls it as its
   * heartbeat. Expired leases of other workers count as free.
   */
  async keepLeases(name: string, worker: string, milliseconds: number): Promise<KeptLeases> {
    const subscription = this.#subscriptions.get(name)
    if (subscription === undefined) return { leases: [], share: 0 }
    const { checkpoints, workers } = subscription
    const now = this.#now()
    workers.set(worker, now + milliseconds)
    for (const [other, end] of workers) if (end <= now) workers.delete(other)
    const share = Math.ceil(checkpoints.length / workers.size)
    const leases: Lease[] = []
    const grant = (checkpoint: Checkpoint, partition: number) => {
      checkpoint.leaseEnd = now + milliseconds
      leases.push({
        subscription: name,
        partition,
        token: checkpoint.token,
        position: checkpoint.position,
      })
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
    return { leases: leases.sort((a, b) => a.partition - b.partition), share }
  }

  async releaseLeases(leases: readonly Lease[]): Promise<void> {
    for (const lease of leases) {
      const checkpoint = this.#find(lease)
      if (checkpoint !== undefined) checkpoint.owner = undefined
    }
  }

  async leave(name: string, worker: string): Promise<void> {
    const { workers, checkpoints = [] } = this.#subscriptions.get(name) ?? {}
    workers?.delete(worker)
    for (const checkpoint of checkpoints) if (checkpoint.owner === worker) checkpoint.owner = undefined
  }

  /** Returns the checkpoint of a lease, or `undefined` if the lease was released or has another owner. */
  #find({ subscription, partition, token }: Lease): Checkpoint | undefined {
    const checkpoint = this.#subscriptions.get(subscription)?.checkpoints[partition]
    return checkpoint?.token === token && checkpoint.owner !== undefined ? checkpoint : undefined
  }

  /** @throws LeaseLostError if the lease was released or has another owner. */
  check(lease: Lease): void {
    if (this.#find(lease) === undefined) throw new LeaseLostError(lease.subscription, lease.partition)
  }

  async advance(lease: Lease, position: number): Promise<void> {
    this.advanceNow(lease, position)
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

  /** Parks an event, or replaces what is stored of an event that is already parked. */
  #put({ subscription, partition }: Lease, event: EventToPark): void {
    this.#parked(subscription).set(event.position, { ...event, partition, parkedAt: new Date() })
  }

  #parked(name: string): Map<number, ParkedRecord> {
    return this.#subscriptions.get(name)?.parked ?? new Map()
  }

  #inOrder(name: string): ParkedRecord[] {
    return [...this.#parked(name).values()].sort((a, b) => a.position - b.position)
  }

  /**
   * Returns the parked events that a worker must handle now: events that a user has asked to retry, and blocked events
   * with no parked event of their stream before them.
   */
  async parkedToHandle({ subscription, partition }: Lease, limit: number): Promise<readonly ParkedRecord[]> {
    const parked = this.#inOrder(subscription)
    const first = new Map<string, number>()
    for (const { streamId, position } of parked) if (!first.has(streamId)) first.set(streamId, position)
    const isFirst = ({ streamId, position }: ParkedRecord) => first.get(streamId) === position
    return parked
      .filter((event) => event.partition === partition)
      .filter((event) => event.state === 'retrying' || (event.state === 'blocked' && isFirst(event)))
      .slice(0, limit)
  }

  async parkAgain(lease: Lease, event: EventToPark): Promise<void> {
    this.check(lease)
    this.#put(lease, event)
  }

  async parkedStreams({ subscription, partition }: Lease): Promise<readonly ParkedStream[]> {
    const own = this.#inOrder(subscription).filter((event) => event.partition === partition)
    // They are in order of position, so the last one of each stream wins.
    const last = new Map(own.map(({ streamId, position }) => [streamId, position]))
    return [...last].map(([streamId, position]) => ({ streamId, position }))
  }

  /** Removes a handled event from the parked ones without a promise, so that a transaction can call it. */
  unparkNow(lease: Lease, position: number): void {
    this.check(lease)
    this.#parked(lease.subscription).delete(position)
  }

  async listParked(name: string, after: number, limit: number): Promise<readonly ParkedRecord[]> {
    return [...this.#parked(name).values()]
      .filter(({ position }) => position > after)
      .sort((a, b) => a.position - b.position)
      .slice(0, limit)
  }

  async retryParked(name: string, position: number): Promise<boolean> {
    const parked = this.#parked(name)
    const event = parked.get(position)
    if (event === undefined) return false
    if (event.state === 'parked') parked.set(position, { ...event, state: 'retrying' })
    return true
  }

  async skipParked(name: string, position: number): Promise<boolean> {
    return this.#parked(name).delete(position)
  }

  async checkpoints(name: string): Promise<readonly PartitionCheckpoint[]> {
    const now = this.#now()
    const checkpoints = this.#subscriptions.get(name)?.checkpoints ?? []
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
  moveCheckpointsNow(name: string, position: number): void {
    const { checkpoints, parked } = this.#subscriptions.get(name) ?? this.#create(name, 1, position)
    for (const parkedAt of parked.keys()) if (parkedAt <= position) parked.delete(parkedAt)
    for (const checkpoint of checkpoints) {
      checkpoint.position = position
      checkpoint.owner = undefined
      checkpoint.token++
    }
  }

  async countParked(name: string): Promise<number> {
    return this.#parked(name).size
  }
}
