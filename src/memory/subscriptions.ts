/** Checkpoints, leases and parked events in memory. Each method is one step: nothing happens in between. */
import {
  type EventToPark,
  type KeptLeases,
  type Lease,
  LeaseLostError,
  type ParkedRecord,
  type PartitionCheckpoint,
  type SubscriptionStorage,
} from '../storage/index.ts'

interface Checkpoint {
  position: number
  owner: string | undefined
  token: number
  leaseEnd: number
}

interface Subscription {
  readonly checkpoints: Checkpoint[]
  /** Until when each worker counts as alive. */
  readonly workers: Map<string, number>
  /** By position. */
  readonly parked: Map<number, ParkedRecord>
}

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

  async keepLeases(name: string, worker: string, milliseconds: number): Promise<KeptLeases> {
    const subscription = this.#subscriptions.get(name)
    if (subscription === undefined) return { leases: [], share: 0 }
    const { checkpoints, workers } = subscription
    const now = this.#now()
    workers.set(worker, now + milliseconds)
    for (const [other, end] of workers) if (end <= now) workers.delete(other)
    const share = Math.ceil(checkpoints.length / workers.size)
    const leases: Lease[] = []
    const take = (checkpoint: Checkpoint, partition: number) => {
      checkpoint.leaseEnd = now + milliseconds
      leases.push({
        subscription: name,
        partition,
        token: checkpoint.token,
        position: checkpoint.position,
      })
    }
    for (const [partition, checkpoint] of checkpoints.entries()) {
      // Even if it has ended: as nobody else has taken it, it is still this worker's.
      if (checkpoint.owner === worker) take(checkpoint, partition)
    }
    for (const [partition, checkpoint] of checkpoints.entries()) {
      if (leases.length >= share) break
      if (checkpoint.owner === worker || (checkpoint.owner !== undefined && checkpoint.leaseEnd > now))
        continue
      checkpoint.owner = worker
      checkpoint.token++
      take(checkpoint, partition)
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

  /** The checkpoint, if the lease still holds. */
  #find({ subscription, partition, token }: Lease): Checkpoint | undefined {
    const checkpoint = this.#subscriptions.get(subscription)?.checkpoints[partition]
    return checkpoint?.token === token && checkpoint.owner !== undefined ? checkpoint : undefined
  }

  /** @throws LeaseLostError */
  check(lease: Lease): void {
    if (this.#find(lease) === undefined) throw new LeaseLostError(lease.subscription, lease.partition)
  }

  async advance(lease: Lease, position: number): Promise<void> {
    this.advanceNow(lease, position)
  }

  /** For a transaction, which ends in one step with it. */
  advanceNow(lease: Lease, position: number): void {
    this.check(lease)
    const checkpoint = this.#find(lease) as Checkpoint
    checkpoint.position = Math.max(checkpoint.position, position)
  }

  async park(lease: Lease, events: readonly EventToPark[], position: number): Promise<void> {
    this.advanceNow(lease, position)
    for (const event of events) this.#put(lease, event)
  }

  #put({ subscription, partition }: Lease, event: EventToPark): void {
    this.#parked(subscription).set(event.position, { ...event, partition, parkedAt: new Date() })
  }

  #parked(name: string): Map<number, ParkedRecord> {
    return this.#subscriptions.get(name)?.parked ?? new Map()
  }

  #inOrder(name: string): ParkedRecord[] {
    return [...this.#parked(name).values()].sort((a, b) => a.position - b.position)
  }

  async parkedToHandle({ subscription, partition }: Lease, limit: number): Promise<readonly ParkedRecord[]> {
    const parked = this.#inOrder(subscription)
    const isFirst = (event: ParkedRecord) =>
      !parked.some(({ streamId, position }) => streamId === event.streamId && position < event.position)
    return parked
      .filter((event) => event.partition === partition)
      .filter((event) => event.state === 'retrying' || (event.state === 'blocked' && isFirst(event)))
      .slice(0, limit)
  }

  async parkAgain(lease: Lease, event: EventToPark): Promise<void> {
    this.check(lease)
    this.#put(lease, event)
  }

  async parkedStreams({ subscription, partition }: Lease): Promise<readonly string[]> {
    const own = this.#inOrder(subscription).filter((event) => event.partition === partition)
    return [...new Set(own.map(({ streamId }) => streamId))]
  }

  unparkNow(lease: Lease, position: number): void {
    this.check(lease)
    this.#parked(lease.subscription).delete(position)
  }

  async listParked(name: string, after: number, limit: number): Promise<readonly ParkedRecord[]> {
    return this.#inOrder(name)
      .filter(({ position }) => position > after)
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

  moveCheckpointsNow(name: string, position: number): void {
    const { checkpoints, parked } = this.#subscriptions.get(name) ?? this.#create(name, 1, position)
    for (const aside of parked.keys()) if (aside <= position) parked.delete(aside)
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
