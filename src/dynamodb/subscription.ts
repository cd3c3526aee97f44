/**
 * Checkpoints, leases and parked events. A subscription's items are in one partition of the table:
 *
 *     a             how many partitions it has, where it began, and up to where parked events are void
 *     c#<partition> its checkpoint `o`, who has it (`owner`) and the token of that lease; `k` while it is verified
 *     w#<worker>    its beat: another number each time that the worker says it lives
 *
 * Nobody trusts another's clock: a worker is taken for dead when its beat did not change for the time of its lease, by the
 * clock of whoever looks. What the dead one does after all is refused by its token.
 */
import { randomInt } from 'node:crypto'
import { LeaseLostError, StoreUnavailableError } from '../errors.ts'
import type {
  EventToPark,
  KeptLeases,
  Lease,
  ParkedRecord,
  ParkedState,
  PartitionCheckpoint,
  SubscriptionStorage,
} from '../subscription/storage.ts'
import { type Attribute, type Item, number, numberOf, text, textOf } from './attributes.ts'
import type { Connection } from './connection.ts'
import type { CancellationReason } from './errors.ts'
import {
  checkpointKey,
  digits,
  type Key,
  parkedKey,
  parkedPartition,
  range,
  subscriptionPartition,
  type Tables,
  workerKey,
} from './keys.ts'
import type { Part, Writer } from './writer.ts'

interface Checkpoint {
  readonly partition: number
  readonly position: number
  readonly owner: string | undefined
  readonly token: number
}

interface Worker {
  readonly name: string
  readonly beat: number
  readonly leaseTime: number
  /** By its own clock: only to be shown. */
  readonly until: number
}

interface Stored {
  readonly partitions: number
  readonly start: number
  readonly voidUpTo: number
  readonly checkpoints: readonly Checkpoint[]
  readonly workers: readonly Worker[]
}

const secondsToKeepWorkers = 86_400
// How long a checkpoint may be held by somebody who verifies its documents, in milliseconds.
const longestHold = 30_000

export class DynamoSubscriptions implements Omit<SubscriptionStorage, 'lastPosition' | 'positionBefore'> {
  readonly #connection: Connection
  readonly #writer: Writer
  readonly #table: string
  /** Since when each worker's beat is what it is, by this process's clock. */
  readonly #beats = new Map<string, { readonly beat: number; readonly since: number }>()

  constructor(connection: Connection, writer: Writer, tables: Tables) {
    this.#connection = connection
    this.#writer = writer
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
    const { alive, dead } = this.#sortWorkers(name, stored.workers, worker)
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

  #sortWorkers(name: string, workers: readonly Worker[], self: string) {
    const now = performance.now()
    const listed = new Set(workers.map((worker) => JSON.stringify([name, worker.name])))
    for (const id of this.#beats.keys()) {
      if (JSON.parse(id)[0] === name && !listed.has(id)) this.#beats.delete(id)
    }
    const alive = new Set<string>()
    const dead: Worker[] = []
    for (const worker of workers) {
      if (worker.name === self) continue
      const id = JSON.stringify([name, worker.name])
      const seen = this.#beats.get(id)
      if (seen?.beat !== worker.beat) this.#beats.set(id, { beat: worker.beat, since: now })
      if (seen?.beat === worker.beat && now - seen.since >= worker.leaseTime) dead.push(worker)
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
    this.#beats.delete(JSON.stringify([name, worker]))
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
  }

  async advance(lease: Lease, position: number, signal?: AbortSignal): Promise<void> {
    const { Update } = advanceItem(this.#table, lease, position)
    const subject = this.#subject('Moving a checkpoint', lease.subscription)
    const { done, item } = await this.#connection.write(subject, 'UpdateItem', Update, signal)
    if (done || isAhead(item, lease)) return
    throw refusedAdvance(lease, item)
  }

  /** The same as a part of a transaction. */
  advancing(lease: Lease, position: number): Part {
    return {
      item: advanceItem(this.#table, lease, position),
      size: 0,
      name: `checkpoint of '${lease.subscription}'`,
      // One that is ahead was moved by a transaction of ours whose answer was lost.
      failed: ({ Item }) => (isAhead(Item, lease) ? undefined : refusedAdvance(lease, Item)),
    }
  }

  /** A check that a lease is held, and that nobody verifies the documents. */
  fence(lease: Lease): Part {
    const check = {
      TableName: this.#table,
      Key: checkpointKey(lease.subscription, lease.partition),
      ConditionExpression: `${isHeld} AND ${isFree}`,
      ExpressionAttributeNames: checkpointNames,
      ExpressionAttributeValues: { ':token': number(lease.token), ':now': number(Date.now()) },
      ReturnValuesOnConditionCheckFailure: 'ALL_OLD',
    }
    const failed = ({ Item }: CancellationReason) => refusedAdvance(lease, Item)
    return { item: { ConditionCheck: check }, size: 0, name: `lease of '${lease.subscription}'`, failed }
  }

  /** Forgets a parked event, as a part of a transaction that checks the lease. */
  unparking({ subscription }: Lease, position: number): Part {
    const item = { Delete: { TableName: this.#table, Key: parkedKey(subscription, position) } }
    return { item, size: 0, name: `parked event of '${subscription}'`, failed: () => undefined }
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
    const stored = await this.#read(name, signal)
    const set = async (expression: string, values?: Item) => {
      for (const { partition } of stored?.checkpoints ?? []) {
        const input = {
          Key: checkpointKey(name, partition),
          UpdateExpression: expression,
          ...(values && { ExpressionAttributeValues: values }),
        }
        await this.#connection.write(this.#subject('Holding a checkpoint', name), 'UpdateItem', input)
      }
    }
    await set('SET k = :until', { ':until': number(Date.now() + longestHold) })
    return () => set('REMOVE k')
  }

  async park(
    lease: Lease,
    events: readonly EventToPark[],
    position: number,
    signal?: AbortSignal,
  ): Promise<void> {
    await this.#write(
      'Parking events',
      lease,
      [this.advancing(lease, position), ...events.map((event) => this.#parking(lease, event))],
      signal,
    )
  }

  async parkAgain(lease: Lease, event: EventToPark, signal?: AbortSignal): Promise<void> {
    await this.#write('Parking an event', lease, [this.fence(lease), this.#parking(lease, event)], signal)
  }

  async #write(
    doing: string,
    lease: Lease,
    parts: readonly Part[],
    signal: AbortSignal | undefined,
  ): Promise<void> {
    const failures = (await this.#writer.write(doing, parts, signal)) ?? []
    for (const { part, reason } of failures) {
      throw part.failed(reason) ?? refusedAdvance(lease, reason.Item)
    }
  }

  #parking({ subscription, partition }: Lease, event: EventToPark): Part {
    const { error, stack, position } = event
    const item = {
      ...parkedKey(subscription, position),
      i: number(partition),
      stream: text(event.streamId),
      id: text(event.eventId),
      y: text(event.type),
      state: text(event.state),
      n: number(event.attempts),
      error: text(shortened(error)),
      ...(stack !== undefined && { stack: text(shortened(stack)) }),
      t: number(Date.now()),
    }
    const put = { Put: { TableName: this.#table, Item: item } }
    return { item: put, size: 0, name: `parked event of '${subscription}'`, failed: () => undefined }
  }

  /** Up to where events are not parked any more: a rebuild has moved the checkpoint past them. */
  async #voidUpTo(name: string, signal: AbortSignal | undefined): Promise<number> {
    const subject = this.#subject('Reading a subscription', name)
    return numberOf(await this.#connection.get(subject, headerKey(name), signal), 'u') ?? 0
  }

  #parkedAfter(name: string, after: number) {
    const partition = parkedPartition(name)
    return {
      subject: { doing: 'Reading parked events', table: this.#table, key: partition },
      input: {
        KeyConditionExpression: 'p = :p AND s BETWEEN :from AND :to',
        ExpressionAttributeValues: range(partition, digits(after + 1), digits(Number.MAX_SAFE_INTEGER)),
      },
    }
  }

  /** All that are parked, without what was said about them, which is most of it. */
  async #parked(name: string, signal: AbortSignal | undefined): Promise<ParkedRecord[]> {
    const { subject, input } = this.#parkedAfter(name, await this.#voidUpTo(name, signal))
    const names = { '#state': 'state', '#stream': 'stream' }
    const light = {
      ...input,
      ProjectionExpression: 's, i, #stream, id, y, #state, n, t',
      ExpressionAttributeNames: names,
    }
    return (await this.#connection.queryAll(subject, light, signal)).map(parkedOf)
  }

  async #isVoid(name: string, position: number, signal: AbortSignal | undefined): Promise<boolean> {
    return position <= (await this.#voidUpTo(name, signal))
  }

  async parkedToHandle(
    { subscription, partition }: Lease,
    limit: number,
    signal?: AbortSignal,
  ): Promise<readonly ParkedRecord[]> {
    const first = new Map<string, number>()
    const parked = await this.#parked(subscription, signal)
    for (const { streamId, position } of parked) if (!first.has(streamId)) first.set(streamId, position)
    return parked
      .filter((event) => event.partition === partition)
      .filter(
        ({ state, streamId, position }) =>
          state === 'retrying' || (state === 'blocked' && first.get(streamId) === position),
      )
      .slice(0, limit)
  }

  async parkedStreams({ subscription, partition }: Lease, signal?: AbortSignal): Promise<readonly string[]> {
    const parked = await this.#parked(subscription, signal)
    const own = parked.filter((event) => event.partition === partition)
    return [...new Set(own.map(({ streamId }) => streamId))]
  }

  async listParked(
    name: string,
    after: number,
    limit: number,
    signal?: AbortSignal,
  ): Promise<readonly ParkedRecord[]> {
    const from = Math.max(after, await this.#voidUpTo(name, signal))
    if (from >= Number.MAX_SAFE_INTEGER) return []
    const { subject, input } = this.#parkedAfter(name, from)
    const records: ParkedRecord[] = []
    for (let start: Item | undefined; records.length < limit; ) {
      const page = { ...input, Limit: Math.min(limit - records.length, 1_000) }
      const { items, next } = await this.#connection.query(
        subject,
        start === undefined ? page : { ...page, ExclusiveStartKey: start },
        signal,
      )
      records.push(...items.map(parkedOf))
      start = next
      if (start === undefined) break
    }
    return records
  }

  async countParked(name: string, signal?: AbortSignal): Promise<number> {
    const { subject, input } = this.#parkedAfter(name, await this.#voidUpTo(name, signal))
    return this.#connection.count(subject, input, signal)
  }

  async retryParked(name: string, position: number, signal?: AbortSignal): Promise<boolean> {
    if (await this.#isVoid(name, position, signal)) return false
    const input = {
      Key: parkedKey(name, position),
      UpdateExpression: 'SET #state = :retrying',
      ConditionExpression: '#state = :parked',
      ExpressionAttributeNames: { '#state': 'state' },
      ExpressionAttributeValues: { ':retrying': text('retrying'), ':parked': text('parked') },
    }
    const subject = { doing: 'Retrying a parked event', table: this.#table, key: parkedPartition(name) }
    const { done, item } = await this.#connection.write(subject, 'UpdateItem', input, signal)
    return done || item !== undefined
  }

  async skipParked(name: string, position: number, signal?: AbortSignal): Promise<boolean> {
    if (await this.#isVoid(name, position, signal)) return false
    const input = { Key: parkedKey(name, position), ReturnValues: 'ALL_OLD' }
    const subject = { doing: 'Skipping a parked event', table: this.#table, key: parkedPartition(name) }
    const { item } = await this.#connection.write(subject, 'DeleteItem', input, signal)
    return item !== undefined
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

const checkpointNames = { '#token': 'token', '#owner': 'owner' }
const isHeld = '#token = :token AND attribute_exists(#owner)'
const isFree = '(attribute_not_exists(k) OR k < :now)'

const headerKey = (name: string): Key => ({ p: { S: subscriptionPartition(name) }, s: { S: 'a' } })

function headerItem(name: string, partitions: number, position: number): Item {
  return { ...headerKey(name), n: number(partitions), o: number(position) }
}

function checkpointItem(name: string, partition: number, position: number, token: number): Item {
  return { ...checkpointKey(name, partition), o: number(position), token: number(token) }
}

function advanceItem(table: string, { subscription, partition, token }: Lease, position: number) {
  const values: Record<string, Attribute> = {
    ':token': number(token),
    ':position': number(position),
    ':now': number(Date.now()),
  }
  return {
    Update: {
      TableName: table,
      Key: checkpointKey(subscription, partition),
      UpdateExpression: 'SET o = :position',
      ConditionExpression: `${isHeld} AND o <= :position AND ${isFree}`,
      ExpressionAttributeNames: checkpointNames,
      ExpressionAttributeValues: values,
      ReturnValuesOnConditionCheckFailure: 'ALL_OLD',
    },
  }
}

const holdsLease = (item: Item | undefined, { token }: Lease) =>
  numberOf(item, 'token') === token && item?.owner !== undefined

/** The lease is held, and the checkpoint further than it was to be moved. */
const isAhead = (item: Item | undefined, lease: Lease) =>
  holdsLease(item, lease) && (numberOf(item, 'k') ?? 0) < Date.now()

function refusedAdvance(lease: Lease, item: CancellationReason['Item']): Error {
  const { subscription, partition } = lease
  if (!holdsLease(item, lease)) return new LeaseLostError(subscription, partition)
  const cause = new Error(
    `the checkpoint of subscription '${subscription}' is held by somebody who verifies its documents`,
  )
  return new StoreUnavailableError('Moving a checkpoint', 1, cause)
}

function checkpointOf(item: Item): Checkpoint {
  return {
    partition: Number((item as Key).s.S.slice(2)),
    position: numberOf(item, 'o') as number,
    owner: textOf(item, 'owner'),
    token: numberOf(item, 'token') as number,
  }
}

function workerOf(item: Item): Worker {
  return {
    name: (item as Key).s.S.slice(2),
    beat: numberOf(item, 'beat') as number,
    leaseTime: numberOf(item, 'lease') as number,
    until: numberOf(item, 'until') as number,
  }
}

const leaseOf = (subscription: string, { partition, position }: Checkpoint, token: number): Lease => ({
  subscription,
  partition,
  token,
  position,
})

function parkedOf(item: Item): ParkedRecord {
  return {
    partition: numberOf(item, 'i') as number,
    position: Number((item as Key).s.S),
    streamId: textOf(item, 'stream') as string,
    eventId: textOf(item, 'id') as string,
    type: textOf(item, 'y') as string,
    state: textOf(item, 'state') as ParkedState,
    attempts: numberOf(item, 'n') as number,
    error: textOf(item, 'error') ?? '',
    stack: textOf(item, 'stack'),
    parkedAt: new Date(numberOf(item, 't') as number),
  }
}

// An item has room for 400 KB; of an error, the beginning tells enough.
const shortened = (message: string) => message.slice(0, 20_000)
