/**
 * Checkpoints and leases. A subscription's items are in one partition of the table:
 *
 *     a             how many partitions it has, where it began, and up to where parked events are void
 *     c#<partition> its checkpoint `o`, who has it (`owner`) and the token of that lease; `k`: who keeps it from moving
 *     w#<worker>    its beat: another number each time that the worker says it lives
 *
 * `idle`, in the last two: for how long beat or `k` was seen to be `idleOf` (see silence.ts).
 *
 * Nobody trusts another's clock: a worker is taken for dead when its beat did not change for the time of its lease, by the
 * clock of whoever looks. What the dead one does after all is refused by its token. Likewise, whoever holds a checkpoint
 * for too long, as workers see it, is taken for dead.
 */

import { randomInt, randomUUID } from 'node:crypto'
import type { KeptLeases, Lease, PartitionCheckpoint, SubscriptionStorage } from '../storage/index.ts'
import { type Item, number, numberOf, text, textOf } from './attributes.ts'
import {
  advance,
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
import { leaving, type Silence, Silences } from './silence.ts'
import type { Part } from './writer.ts'

interface Stored {
  readonly partitions: number
  readonly start: number
  readonly voidUpTo: number
  readonly checkpoints: readonly Checkpoint[]
  readonly workers: readonly Worker[]
  readonly items: readonly Item[]
}

const secondsToKeepWorkers = 86_400

type Leasing = Pick<
  SubscriptionStorage,
  'createSubscription' | 'keepLeases' | 'releaseLeases' | 'leave' | 'advance' | 'checkpoints'
>

export class DynamodbSubscriptions implements Leasing {
  readonly #connection: Connection
  readonly #table: string
  readonly #silences = new Silences()

  constructor(connection: Connection, tables: Tables) {
    this.#connection = connection
    this.#table = tables.log
  }

  #subject(doing: string, name: string) {
    return { doing, table: this.#table, key: subscriptionPartition(name) }
  }

  async #read(name: string, signal?: AbortSignal): Promise<Stored | undefined> {
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
      // Whoever wrote the header may have died before the rest: where they all begin is in it.
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
    await this.#beat(name, worker, milliseconds, signal)
    const silence = this.#silences.look(subscriptionPartition(name), stored.items)
    await this.#endLongHolds(name, stored.checkpoints, silence, signal)
    const { alive, dead } = this.#sortWorkers(name, stored.workers, worker, silence)
    for (const one of dead) await this.#bury(name, one, signal)
    const share = Math.ceil(stored.partitions / (alive.size + 1))
    // Even if others took it for dead: as nobody has taken its lease, it is still this worker's.
    const leases = stored.checkpoints
      .filter(({ owner }) => owner === worker)
      .map((checkpoint) => leaseOf(name, checkpoint, checkpoint.token))
    for (const checkpoint of stored.checkpoints) {
      if (leases.length >= share) break
      const { owner } = checkpoint
      if (owner === worker || (owner !== undefined && alive.has(owner))) continue
      if (await this.#take(name, checkpoint, worker, signal)) {
        leases.push(leaseOf(name, checkpoint, checkpoint.token + 1))
      }
    }
    return { leases: leases.sort((a, b) => a.partition - b.partition), share }
  }

  #beat(
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
        // That it is another one is all that counts, also when the worker was buried meanwhile.
        ':beat': number(randomInt(2 ** 47)),
      },
    }
    return this.#connection.write(this.#subject('Keeping a lease', name), 'UpdateItem', input, signal)
  }

  #sortWorkers(name: string, workers: readonly Worker[], self: string, silence: Silence) {
    const alive = new Set<string>()
    const dead: Worker[] = []
    for (const worker of workers) {
      if (worker.name === self) continue
      const { idle = 0 } = silence.get(workerKey(name, worker.name).s.S) ?? {}
      if (idle >= worker.leaseTime) dead.push(worker)
      else alive.add(worker.name)
    }
    return { alive, dead }
  }

  async #bury(name: string, { name: worker, beat }: Worker, signal: AbortSignal | undefined): Promise<void> {
    const input = {
      Key: workerKey(name, worker),
      ConditionExpression: 'beat = :beat',
      ExpressionAttributeValues: { ':beat': number(beat) },
    }
    await this.#connection.write(this.#subject('Keeping a lease', name), 'DeleteItem', input, signal)
  }

  async #endLongHolds(
    name: string,
    checkpoints: readonly Checkpoint[],
    silence: Silence,
    signal: AbortSignal | undefined,
  ): Promise<void> {
    for (const { partition, hold } of checkpoints) {
      const { idle = 0 } = silence.get(checkpointKey(name, partition).s.S) ?? {}
      if (hold !== undefined && idle >= longestLock) await this.#letGo(name, partition, hold, signal)
    }
  }

  #letGo(name: string, partition: number, hold: string, signal?: AbortSignal): Promise<unknown> {
    const input = {
      Key: checkpointKey(name, partition),
      UpdateExpression: 'REMOVE k',
      ConditionExpression: 'k = :hold',
      ExpressionAttributeValues: { ':hold': text(hold) },
    }
    return this.#connection.write(this.#subject('Letting a checkpoint go', name), 'UpdateItem', input, signal)
  }

  async #take(
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
    // It may have been taken by a request of ours whose answer was lost.
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
    return this.#connection.write(this.#subject('Giving a lease back', subscription), 'UpdateItem', input)
  }

  async leave(name: string, worker: string): Promise<void> {
    const stored = await this.#read(name)
    const own = stored?.checkpoints.filter(({ owner }) => owner === worker) ?? []
    await this.releaseLeases(own.map((checkpoint) => leaseOf(name, checkpoint, checkpoint.token)))
    const input = { Key: workerKey(name, worker) }
    await this.#connection.write(this.#subject('Leaving a subscription', name), 'DeleteItem', input)
    await this.#leaveSilence(name, worker, stored?.items ?? [])
  }

  /** For those who come after this process. */
  async #leaveSilence(name: string, worker: string, items: readonly Item[]): Promise<void> {
    const partition = subscriptionPartition(name)
    const self = workerKey(name, worker).s.S
    for (const [key, silent] of this.#silences.look(partition, items)) {
      if (key === self || silent.idle < 1) continue
      await this.#connection.write(
        this.#subject('Leaving a subscription', name),
        'UpdateItem',
        leaving(silent),
      )
    }
  }

  async advance(lease: Lease, position: number, signal?: AbortSignal): Promise<void> {
    const input = advance(this.#table, lease, position)
    const subject = this.#subject('Moving a checkpoint', lease.subscription)
    const { done, item } = await this.#connection.write(subject, 'UpdateItem', input, signal)
    if (done || isAhead(item, lease)) return
    throw refusedAdvance(lease, item)
  }

  /** All checkpoints to a position, with which nobody has a lease any more. */
  async moving(name: string, position: number, signal?: AbortSignal): Promise<Part[]> {
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

  /** Keeps the checkpoints from moving, for a while at most; answers with what lets them go. */
  async hold(name: string, signal?: AbortSignal): Promise<() => Promise<void>> {
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
      for (const partition of partitions) await this.#letGo(name, partition, hold)
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
