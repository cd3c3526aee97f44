/**
 * Checkpoints and leases. A subscription's items are in one partition of the table:
 *
 *     a             the number of partitions, the start position, and up to where parked events are void
 *     c#<partition> the checkpoint `o`, the owner of its lease, the fencing token, and the hold `k`
 *     w#<worker>    the heartbeat `beat`: a new number each time that the worker renews its leases
 *
 * `idle`, in the last two: for how long `beat` or `k` had the value `idleOf` (see liveness.ts).
 *
 * No process trusts the clock of another one. A worker counts as dead when its heartbeat did not change for
 * its lease time, by the clock of the observing worker. If it still writes, its fencing token is refused. In
 * the same way, a rebuild or a verification that holds a checkpoint for too long counts as dead.
 */
import { randomInt, randomUUID } from 'node:crypto'
import type { KeptLeases, Lease, PartitionCheckpoint, SubscriptionStorage } from '../storage/index.ts'
import { type Item, number, numberOf, text, textOf } from './attributes.ts'
import {
  advanceUpdate,
  type Checkpoint,
  checkpointItem,
  checkpointNames,
  checkpointOf,
  headerItem,
  headerKey,
  isAhead,
  leaseOf,
  longestLock,
  refusedAdvance,
  type Worker,
  workerOf,
} from './checkpoint.ts'
import type { Connection } from './connection.ts'
import { checkpointKey, subscriptionPartition, type Tables, workerKey } from './keys.ts'
import { type IdleItems, idleUpdate, Liveness } from './liveness.ts'
import type { Part } from './writer.ts'

/** All items of a subscription. */
interface StoredSubscription {
  readonly partitions: number
  readonly start: number
  readonly voidUpTo: number
  readonly checkpoints: readonly Checkpoint[]
  readonly workers: readonly Worker[]
  readonly items: readonly Item[]
}

// DynamoDB deletes the item of a worker that ended without leaving (time to live).
const secondsToKeepWorkers = 86_400

type LeaseStorage = Pick<
  SubscriptionStorage,
  'createSubscription' | 'keepLeases' | 'releaseLeases' | 'leave' | 'advance' | 'checkpoints'
>

export class DynamodbSubscriptions implements LeaseStorage {
  readonly #connection: Connection
  readonly #table: string
  readonly #liveness = new Liveness()

  constructor(connection: Connection, tables: Tables) {
    this.#connection = connection
    this.#table = tables.log
  }

  #subject(doing: string, name: string) {
    return { doing, table: this.#table, key: subscriptionPartition(name) }
  }

  async #read(name: string, signal?: AbortSignal): Promise<StoredSubscription | undefined> {
    const subject = this.#subject('Reading a subscription', name)
    const items = await this.#connection.queryAll(
      subject,
      { KeyConditionExpression: 'p = :p', ExpressionAttributeValues: { ':p': text(subject.key) } },
      signal,
    )
    const header = items.find((item) => textOf(item, 's') === 'a')
    if (header === undefined) return undefined
    return {
      partitions: numberOf(header, 'n') as number,
      start: numberOf(header, 'o') as number,
      voidUpTo: numberOf(header, 'u') ?? 0,
      checkpoints: items.filter((item) => textOf(item, 's')?.startsWith('c#')).map(checkpointOf),
      workers: items.filter((item) => textOf(item, 's')?.startsWith('w#')).map(workerOf),
      items,
    }
  }

  async createSubscription(
    name: string,
    partitions: number,
    position: number,
    signal?: AbortSignal,
  ): Promise<number> {
    for (;;) {
      const stored = await this.#read(name, signal)
      if (stored?.checkpoints.length === stored?.partitions && stored !== undefined) return stored.partitions
      if (stored === undefined) {
        await this.#putNew(name, headerItem(name, partitions, position), signal)
        continue
      }
      // The process that wrote the header may have died before it wrote all checkpoints: write the missing
      // ones.
      const there = new Set(stored.checkpoints.map(({ partition }) => partition))
      const missing = Array.from({ length: stored.partitions }, (_, partition) => partition).filter(
        (partition) => !there.has(partition),
      )
      for (let from = 0; from < missing.length; from += 25) {
        const some = missing.slice(from, from + 25)
        await Promise.all(
          some.map((partition) =>
            this.#putNew(name, checkpointItem(name, partition, stored.start, 0), signal),
          ),
        )
      }
    }
  }

  #putNew(name: string, item: Item, signal: AbortSignal | undefined): Promise<unknown> {
    const input = { Item: item, ConditionExpression: 'attribute_not_exists(p)' }
    return this.#connection.write(this.#subject('Making a subscription', name), 'PutItem', input, signal)
  }

  async keepLeases(
    name: string,
    worker: string,
    milliseconds: number,
    signal?: AbortSignal,
  ): Promise<KeptLeases> {
    const stored = await this.#read(name, signal)
    if (stored === undefined) return { leases: [], share: 0 }
    await this.#sendHeartbeat(name, worker, milliseconds, signal)
    const idleItems = this.#liveness.observe(subscriptionPartition(name), stored.items)
    await this.#endLongHolds(name, stored.checkpoints, idleItems, signal)
    const { alive, dead } = this.#sortWorkers(name, stored.workers, worker, idleItems)
    for (const one of dead) await this.#removeDead(name, one, signal)
    const share = Math.ceil(stored.partitions / (alive.size + 1))
    // Another worker may have removed this one as dead. Until it also takes the lease, the lease is still
    // valid.
    const leases = stored.checkpoints
      .filter(({ owner }) => owner === worker)
      .map((checkpoint) => leaseOf(name, checkpoint, checkpoint.token))
    for (const checkpoint of stored.checkpoints) {
      if (leases.length >= share) break
      const { owner } = checkpoint
      if (owner === worker || (owner !== undefined && alive.has(owner))) continue
      if (await this.#takeLease(name, checkpoint, worker, signal)) {
        leases.push(leaseOf(name, checkpoint, checkpoint.token + 1))
      }
    }
    return { leases: leases.sort((a, b) => a.partition - b.partition), share }
  }

  #sendHeartbeat(
    name: string,
    worker: string,
    milliseconds: number,
    signal: AbortSignal | undefined,
  ): Promise<unknown> {
    const now = Date.now()
    const input = {
      Key: workerKey(name, worker),
      UpdateExpression: 'SET lease = :lease, #until = :until, #ttl = :ttl, beat = :beat',
      ExpressionAttributeNames: { '#ttl': 'ttl', '#until': 'until' },
      ExpressionAttributeValues: {
        ':lease': number(milliseconds),
        ':until': number(now + milliseconds),
        ':ttl': number(Math.floor(now / 1000) + secondsToKeepWorkers),
        // Only a change counts. A random number also changes if another worker removed this item meanwhile.
        ':beat': number(randomInt(2 ** 47)),
      },
    }
    return this.#connection.write(this.#subject('Keeping a lease', name), 'UpdateItem', input, signal)
  }

  #sortWorkers(name: string, workers: readonly Worker[], self: string, idleItems: IdleItems) {
    const alive = new Set<string>()
    const dead: Worker[] = []
    for (const worker of workers) {
      if (worker.name === self) continue
      const { idle = 0 } = idleItems.get(workerKey(name, worker.name).s.S) ?? {}
      if (idle >= worker.leaseTime) dead.push(worker)
      else alive.add(worker.name)
    }
    return { alive, dead }
  }

  /** Deletes the item of a dead worker, unless it has renewed its heartbeat since. */
  async #removeDead(
    name: string,
    { name: worker, heartbeat }: Worker,
    signal: AbortSignal | undefined,
  ): Promise<void> {
    const input = {
      Key: workerKey(name, worker),
      ConditionExpression: 'beat = :beat',
      ExpressionAttributeValues: { ':beat': number(heartbeat) },
    }
    await this.#connection.write(this.#subject('Keeping a lease', name), 'DeleteItem', input, signal)
  }

  async #endLongHolds(
    name: string,
    checkpoints: readonly Checkpoint[],
    idleItems: IdleItems,
    signal: AbortSignal | undefined,
  ): Promise<void> {
    for (const { partition, hold } of checkpoints) {
      const { idle = 0 } = idleItems.get(checkpointKey(name, partition).s.S) ?? {}
      if (hold !== undefined && idle >= longestLock) await this.#releaseHold(name, partition, hold, signal)
    }
  }

  #releaseHold(name: string, partition: number, hold: string, signal?: AbortSignal): Promise<unknown> {
    const input = {
      Key: checkpointKey(name, partition),
      UpdateExpression: 'REMOVE k',
      ConditionExpression: 'k = :hold',
      ExpressionAttributeValues: { ':hold': text(hold) },
    }
    return this.#connection.write(this.#subject('Letting a checkpoint go', name), 'UpdateItem', input, signal)
  }

  async #takeLease(
    name: string,
    { partition, token, owner }: Checkpoint,
    worker: string,
    signal: AbortSignal | undefined,
  ): Promise<boolean> {
    const unowned = owner === undefined ? 'attribute_not_exists(#owner)' : '#owner = :before'
    const { done, item } = await this.#connection.write(
      this.#subject('Taking a lease', name),
      'UpdateItem',
      {
        Key: checkpointKey(name, partition),
        UpdateExpression: 'SET #owner = :worker, #token = :next',
        ConditionExpression: `#token = :token AND ${unowned}`,
        ExpressionAttributeNames: checkpointNames,
        ExpressionAttributeValues: {
          ':worker': text(worker),
          ':token': number(token),
          ':next': number(token + 1),
          ...(owner !== undefined && { ':before': text(owner) }),
        },
      },
      signal,
    )
    // An earlier attempt of this request may have taken the lease, if its answer was lost.
    return done || (textOf(item, 'owner') === worker && numberOf(item, 'token') === token + 1)
  }

  async releaseLeases(leases: readonly Lease[]): Promise<void> {
    await Promise.all(leases.map((lease) => this.#release(lease)))
  }

  #release({ subscription, partition, token }: Lease): Promise<unknown> {
    const input = {
      Key: checkpointKey(subscription, partition),
      UpdateExpression: 'REMOVE #owner',
      ConditionExpression: '#token = :token',
      ExpressionAttributeNames: checkpointNames,
      ExpressionAttributeValues: { ':token': number(token) },
    }
    return this.#connection.write(this.#subject('Releasing a lease', subscription), 'UpdateItem', input)
  }

  async leave(name: string, worker: string): Promise<void> {
    const stored = await this.#read(name)
    const own = stored?.checkpoints.filter(({ owner }) => owner === worker) ?? []
    await this.releaseLeases(own.map((checkpoint) => leaseOf(name, checkpoint, checkpoint.token)))
    const input = { Key: workerKey(name, worker) }
    await this.#connection.write(this.#subject('Leaving a subscription', name), 'DeleteItem', input)
    await this.#storeIdleTimes(name, worker, stored?.items ?? [])
  }

  /** Stores how long the other items are idle, for the workers that come after this process. */
  async #storeIdleTimes(name: string, worker: string, items: readonly Item[]): Promise<void> {
    const partition = subscriptionPartition(name)
    const self = workerKey(name, worker).s.S
    for (const [key, item] of this.#liveness.observe(partition, items)) {
      if (key === self || item.idle < 1) continue
      await this.#connection.write(
        this.#subject('Leaving a subscription', name),
        'UpdateItem',
        idleUpdate(item),
      )
    }
  }

  async advance(lease: Lease, position: number, signal?: AbortSignal): Promise<void> {
    const input = advanceUpdate(this.#table, lease, position)
    const subject = this.#subject('Moving a checkpoint', lease.subscription)
    const { done, item } = await this.#connection.write(subject, 'UpdateItem', input, signal)
    if (done || isAhead(item, lease)) return
    throw refusedAdvance(lease, item)
  }

  /**
   * Parts of a transaction: move all checkpoints to a position, end their leases, and void the events parked
   * up to it.
   */
  async moveCheckpointParts(name: string, position: number, signal?: AbortSignal): Promise<Part[]> {
    const stored = await this.#read(name, signal)
    const part = (item: object): Part => ({
      item,
      size: 0,
      name: `checkpoint of '${name}'`,
      failed: () => undefined,
    })
    if (stored === undefined) {
      const items = [headerItem(name, 1, position), checkpointItem(name, 0, position, 1)]
      return items.map((item) =>
        part({ Put: { TableName: this.#table, Item: item, ConditionExpression: 'attribute_not_exists(p)' } }),
      )
    }
    const header = {
      TableName: this.#table,
      Key: headerKey(name),
      UpdateExpression: 'SET o = :position, u = :void',
      ExpressionAttributeValues: {
        ':position': number(position),
        ':void': number(Math.max(position, stored.voidUpTo)),
      },
    }
    const moves = stored.checkpoints.map(({ partition }) => ({
      TableName: this.#table,
      Key: checkpointKey(name, partition),
      UpdateExpression: 'SET o = :position ADD #token :one REMOVE #owner, k',
      ExpressionAttributeNames: checkpointNames,
      ExpressionAttributeValues: { ':position': number(position), ':one': number(1) },
    }))
    return [header, ...moves].map((update) => part({ Update: update }))
  }

  /**
   * Keeps the checkpoints from moving. Returns the function that releases them. Workers release them after
   * `longestLock` if that function is never called.
   */
  async holdCheckpoints(name: string, signal?: AbortSignal): Promise<() => Promise<void>> {
    const hold = randomUUID()
    const partitions = (await this.#read(name, signal))?.checkpoints.map(({ partition }) => partition) ?? []
    for (const partition of partitions) {
      const input = {
        Key: checkpointKey(name, partition),
        UpdateExpression: 'SET k = :hold',
        ExpressionAttributeValues: { ':hold': text(hold) },
      }
      await this.#connection.write(this.#subject('Holding a checkpoint', name), 'UpdateItem', input)
    }
    return async () => {
      for (const partition of partitions) await this.#releaseHold(name, partition, hold)
    }
  }

  async checkpoints(name: string, signal?: AbortSignal): Promise<readonly PartitionCheckpoint[]> {
    const stored = await this.#read(name, signal)
    if (stored === undefined) return []
    const now = Date.now()
    const alive = new Set(stored.workers.filter(({ until }) => until > now).map((worker) => worker.name))
    const there = new Map(stored.checkpoints.map((checkpoint) => [checkpoint.partition, checkpoint]))
    return Array.from({ length: stored.partitions }, (_, partition) => {
      const { position = stored.start, owner } = there.get(partition) ?? {}
      return { partition, position, owner: owner !== undefined && alive.has(owner) ? owner : undefined }
    })
  }
}
