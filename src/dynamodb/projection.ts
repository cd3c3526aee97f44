/**
 * Which generation of a projection's documents is read, and putting another one in its place.
 *
 * Nobody who appends looks at this for each append: it costs as much as a document. Instead, the counter of slots has an
 * epoch, which whoever takes a slot is told. It grows when a generation is about to be replaced, with a lock, and again
 * when that is done:
 *
 *     epoch 1 ──▶ epoch 2, locked ──▶ epoch 3
 *                     │                  └ the new generation is read; or the old one, if nothing came of it
 *                     └ slots from before are settled and folded in; who takes a later one gives it back, and waits
 */

import { randomUUID } from 'node:crypto'
import {
  type Comparison,
  collectionGeneration,
  compareNames,
  type DocumentChange,
  type DocumentDifference,
  isSameJson,
  type ProjectionMode,
  type ProjectionStorage,
  type ProjectionToRegister,
  type RegisteredProjection,
  type StoredDocument,
  sleep,
} from '../storage/index.ts'
import { type Attribute, type Item, number, numberOf, text, textOf } from './attributes.ts'
import { longestLock } from './checkpoint.ts'
import { documentOf, readDocumentItems } from './documents.ts'
import type { Environment } from './environment.ts'
import { counterKey, documentPartition, type Key, projectionKey, shards } from './keys.ts'
import { listPage, mergeShards } from './merge-shards.ts'
import { leaving, Silences } from './silence.ts'
import { type Counter, counterOf } from './slots.ts'
import type { DynamodbSubscriptions } from './subscription.ts'
import type { Part } from './writer.ts'

type ProjectionsOfStorage = Omit<ProjectionStorage, 'transaction'>

interface Building {
  readonly version: number
  readonly generation: number
  /** Of the call that began it. */
  readonly id: string
}

const lockPoll = 25
// How often somebody who waits for a lock tells those who will.
const leavingInterval = 500
const documentsPerPage = 500
const mostDropped = 250
// A log with more slots than this has had its events.
const mostEmptySlots = 1_000

export class DynamodbProjections implements ProjectionsOfStorage {
  readonly #environment: Environment
  readonly #subscriptions: DynamodbSubscriptions
  /** The generation that was read last: mostly it is still the one. */
  readonly #lastGeneration = new Map<string, number>()
  readonly #silences = new Silences()

  constructor(environment: Environment, subscriptions: DynamodbSubscriptions) {
    this.#environment = environment
    this.#subscriptions = subscriptions
  }

  #subject(doing: string, name: string) {
    return { doing, table: this.#environment.tables.log, key: projectionKey(name).p.S }
  }

  #item(name: string, signal?: AbortSignal): Promise<Item | undefined> {
    const subject = this.#subject('Looking up a projection', name)
    return this.#environment.connection.get(subject, projectionKey(name), signal)
  }

  async registerProjections(
    projections: readonly ProjectionToRegister[],
    signal?: AbortSignal,
  ): Promise<readonly (RegisteredProjection | undefined)[]> {
    const registered: (RegisteredProjection | undefined)[] = []
    for (const projection of projections) registered.push(await this.#register(projection, signal))
    return registered
  }

  async #register(
    projection: ProjectionToRegister,
    signal: AbortSignal | undefined,
  ): Promise<RegisteredProjection | undefined> {
    const { name, mode } = projection
    for (;;) {
      const item = await this.#item(name, signal)
      if (item !== undefined) return registeredOf(name, item)
      const parts = [this.#putting({ ...projection, generation: 1 })]
      if (mode === 'inline') {
        const unused = await this.#unusedLog(signal)
        if (unused === undefined) {
          // Another process may have been faster, and has appended already.
          const now = await this.#item(name, signal)
          return now && registeredOf(name, now)
        }
        parts.push(unused)
      }
      await this.#environment.writer.write('Registering a projection', parts, signal)
    }
  }

  #putting({ name, version, generation, mode }: RegisteredProjection): Part {
    const item = {
      ...projectionKey(name),
      v: number(version),
      n: number(generation),
      h: number(generation),
      m: text(mode),
    }
    const put = {
      TableName: this.#environment.tables.log,
      Item: item,
      ConditionExpression: 'attribute_not_exists(p)',
    }
    return this.#part(name, { Put: put })
  }

  #part(name: string, item: object): Part {
    return { item, size: 0, name: `projection '${name}'`, failed: () => undefined }
  }

  /** A check that nobody takes a slot; undefined if there are events already. */
  async #unusedLog(signal: AbortSignal | undefined): Promise<Part | undefined> {
    const { log, slots, tables } = this.#environment
    const { last } = await slots.counter(signal)
    if (last > mostEmptySlots) return undefined
    await log.settleAll(signal)
    if ((await log.lastPosition(signal)) > 0) return undefined
    const check = {
      TableName: tables.log,
      Key: counterKey,
      ConditionExpression: last === 0 ? 'attribute_not_exists(n)' : 'n = :last',
      ...(last > 0 && { ExpressionAttributeValues: { ':last': number(last) } }),
    }
    return this.#part('counter', { ConditionCheck: check })
  }

  async registeredProjection(name: string, signal?: AbortSignal): Promise<RegisteredProjection | undefined> {
    const item = await this.#item(name, signal)
    return item && registeredOf(name, item)
  }

  async beginBuild(
    { name, version, mode }: ProjectionToRegister,
    signal?: AbortSignal,
  ): Promise<{ readonly generation: number; readonly resumed: boolean }> {
    const { connection, tables, writer } = this.#environment
    const id = randomUUID()
    for (;;) {
      const item = await this.#item(name, signal)
      if (item === undefined) {
        const none = { name, version: 0, generation: collectionGeneration, mode }
        await writer.write('Registering a projection', [this.#putting(none)], signal)
        continue
      }
      const begun = buildingOf(item)
      // It may be this very call's, by a request whose answer was lost.
      if (begun?.version === version) return { generation: begun.generation, resumed: begun.id !== id }
      const highest = numberOf(item, 'h') as number
      const building: Building = { version, generation: highest + 1, id }
      const { done } = await connection.write(
        this.#subject('Beginning to build a projection', name),
        'UpdateItem',
        {
          TableName: tables.log,
          Key: projectionKey(name),
          UpdateExpression: 'SET b = :b, h = :next',
          ConditionExpression: 'h = :h',
          ExpressionAttributeValues: {
            ':b': text(JSON.stringify(building)),
            ':h': number(highest),
            ':next': number(highest + 1),
          },
        },
        signal,
      )
      if (done) return { generation: building.generation, resumed: false }
    }
  }

  /** Makes a generation the one that is read. */
  setting({ name, version, generation, mode }: RegisteredProjection): Part {
    const update = {
      TableName: this.#environment.tables.log,
      Key: projectionKey(name),
      UpdateExpression: 'SET v = :v, n = :n, m = :m REMOVE b',
      // Nobody has given it up, or begun another.
      ConditionExpression: 'contains(b, :building)',
      ExpressionAttributeValues: {
        ':v': number(version),
        ':n': number(generation),
        ':m': text(mode),
        ':building': text(`"generation":${generation},`),
      },
    }
    return this.#part(name, { Update: update })
  }

  /** The generations that are read of those that are registered. */
  async generations(names: readonly string[], signal?: AbortSignal): Promise<ReadonlyMap<string, number>> {
    if (names.length === 0) return new Map()
    const { connection } = this.#environment
    const subject = this.#subject('Looking up projections', names.join(', '))
    const items = await connection.batchGet(subject, names.map(projectionKey), { consistent: true }, signal)
    return new Map(items.map((item) => [(item as Key).p.S.slice(2), numberOf(item, 'n') as number]))
  }

  async #generation(name: string, signal: AbortSignal | undefined): Promise<number> {
    return (await this.generations([name], signal)).get(name) ?? collectionGeneration
  }

  async readDocument(
    projection: string,
    key: string,
    signal?: AbortSignal,
  ): Promise<StoredDocument | undefined> {
    const { connection, tables } = this.#environment
    const guess = this.#lastGeneration.get(projection) ?? collectionGeneration
    const [[item], generation] = await Promise.all([
      readDocumentItems(connection, tables, [{ projection, generation: guess, key }], signal),
      this.#generation(projection, signal),
    ])
    // One that is not there may be so because its generation is gone since.
    const isSure = item !== undefined || (await this.#generation(projection, signal)) === guess
    if (generation === guess && isSure) return documentOf(item)
    this.#lastGeneration.set(projection, generation)
    return this.readDocument(projection, key, signal)
  }

  async listDocuments(
    projection: string,
    prefix: string,
    after: string,
    limit: number,
    signal?: AbortSignal,
  ): Promise<readonly StoredDocument[]> {
    for (let generation = await this.#generation(projection, signal); ; ) {
      const documents = await this.#list(projection, generation, prefix, after, limit, signal)
      // Its documents may have been dropped meanwhile.
      const present = await this.#generation(projection, signal)
      if (present === generation) return documents
      generation = present
    }
  }

  async #list(
    projection: string,
    generation: number,
    prefix: string,
    after: string,
    limit: number,
    signal: AbortSignal | undefined,
  ): Promise<StoredDocument[]> {
    const { connection, tables } = this.#environment
    const readers = Array.from({ length: shards }, (_, shard) => (last: string) => {
      const subject = {
        doing: 'Listing documents',
        table: tables.log,
        key: documentPartition(projection, generation, shard),
      }
      return listPage(connection, subject, { prefix, after: last, limit }, signal)
    })
    const documents: StoredDocument[] = []
    for (let last = after; documents.length < limit; ) {
      const items = await mergeShards(readers, last, limit - documents.length)
      if (items.length === 0) break
      // Deleted ones are still among them.
      for (const item of items)
        documents.push(...[documentOf(item)].filter((document) => document !== undefined))
      last = textOf(items.at(-1), 's') as string
    }
    return documents
  }

  /** `pending`: changes that are not written yet, and count as if they were. */
  async compare(
    projection: string,
    generations: readonly [left: number, right: number],
    limit: number,
    pending: readonly DocumentChange[],
    signal: AbortSignal | undefined,
  ): Promise<Comparison> {
    const [left, right] = await Promise.all(
      generations.map((generation) => this.#states(projection, generation, pending, signal)),
    )
    const keys = [...new Set([...(left?.keys() ?? []), ...(right?.keys() ?? [])])].sort(compareNames)
    const differences: DocumentDifference[] = []
    for (const key of keys) {
      const pair = { key, left: left?.get(key), right: right?.get(key) }
      if (!isSameJson(pair.left, pair.right)) differences.push(pair)
    }
    return { documents: keys.length, differences: differences.slice(0, limit) }
  }

  async #states(
    projection: string,
    generation: number,
    pending: readonly DocumentChange[],
    signal: AbortSignal | undefined,
  ): Promise<Map<string, string>> {
    const states = new Map<string, string>()
    for (let after = ''; ; ) {
      const page = await this.#list(projection, generation, '', after, documentsPerPage, signal)
      for (const { key, state } of page) states.set(key, state)
      if (page.length < documentsPerPage) break
      after = page.at(-1)?.key as string
    }
    for (const change of pending) {
      if (change.generation !== generation) continue
      if (change.state === null) states.delete(change.key)
      else states.set(change.key, change.state)
    }
    return states
  }

  async dropDocuments(name: string, keep: number | undefined, signal?: AbortSignal): Promise<number> {
    const { connection, tables } = this.#environment
    if (keep === undefined) await this.#forgetBuild(name, signal)
    const item = await this.#item(name, signal)
    const current = numberOf(item, 'n') ?? collectionGeneration
    const keys: Key[] = []
    for (
      let generation = numberOf(item, 'h') ?? 0;
      generation >= 0 && keys.length < mostDropped;
      generation--
    ) {
      if (generation === current || generation === keep) continue
      for (let shard = 0; shard < shards && keys.length < mostDropped; shard++) {
        const partition = documentPartition(name, generation, shard)
        const subject = { doing: 'Dropping documents', table: tables.log, key: partition }
        const input = {
          KeyConditionExpression: 'p = :p',
          ExpressionAttributeValues: { ':p': text(partition) },
          ProjectionExpression: 'p, s',
          Limit: mostDropped,
        }
        keys.push(...((await connection.query(subject, input, signal)).items as Key[]))
      }
    }
    await connection.deleteAll(this.#subject('Dropping documents', name), keys, signal)
    return keys.length
  }

  async #forgetBuild(name: string, signal: AbortSignal | undefined): Promise<void> {
    const input = {
      Key: projectionKey(name),
      UpdateExpression: 'REMOVE b',
      ConditionExpression: 'attribute_exists(b)',
    }
    await this.#environment.connection.write(
      this.#subject('Forgetting a build', name),
      'UpdateItem',
      input,
      signal,
    )
  }

  /**
   * Keeps all others from writing the documents of a projection. The parts end that with the transaction they are in;
   * `release` does so if nothing comes of it.
   */
  async lock(
    name: string,
    signal: AbortSignal | undefined,
  ): Promise<{ readonly parts: readonly Part[]; readonly release: () => Promise<void> }> {
    const id = randomUUID()
    const letGo = await this.#subscriptions.hold(name, signal)
    const release = async () => {
      await this.#unlock(name, id).finally(letGo)
    }
    try {
      let counter = await this.#environment.slots.counter(signal)
      while (!(await this.#setLocks(counter, new Map([...counter.locks, [name, id]])))) {
        counter = await this.#environment.slots.counter(signal)
      }
      const locked = { ...counter, epoch: counter.epoch + 1 }
      const others = new Map([...counter.locks].filter(([other]) => other !== name))
      return { parts: [this.#part('counter', { Update: this.#relocking(locked, others) })], release }
    } catch (error) {
      await release()
      throw error
    }
  }

  /** Resolves once nobody has a lock on any of the projections. */
  async waitUnlocked(names: readonly string[], signal: AbortSignal | undefined): Promise<void> {
    const { slots, connection, tables } = this.#environment
    for (let left = performance.now(); ; ) {
      const item = await slots.counterItem(signal)
      const { locks } = counterOf(item)
      const held = names.filter((name) => locks.has(name))
      if (item === undefined || held.length === 0) return
      const silent = this.#silences.look(counterKey.p.S, [item]).get(counterKey.s.S)
      if (silent !== undefined && silent.idle >= longestLock) {
        for (const name of held) await this.#unlock(name, locks.get(name) as string)
      } else if (silent !== undefined && performance.now() - left >= leavingInterval) {
        const subject = { doing: 'Waiting for a projection', table: tables.log, key: counterKey.p.S }
        await connection.write(subject, 'UpdateItem', leaving(silent), signal)
        left = performance.now()
      }
      await sleep(lockPoll, signal)
    }
  }

  async #unlock(name: string, id: string): Promise<void> {
    for (;;) {
      const counter = await this.#environment.slots.counter()
      if (counter.locks.get(name) !== id) return
      const locks = new Map(counter.locks)
      locks.delete(name)
      if (await this.#setLocks(counter, locks)) return
    }
  }

  async #setLocks(counter: Counter, locks: Counter['locks']): Promise<boolean> {
    const { connection, tables } = this.#environment
    const subject = { doing: 'Locking a projection', table: tables.log, key: counterKey.p.S }
    return (await connection.write(subject, 'UpdateItem', this.#relocking(counter, locks))).done
  }

  /** The update of the counter to other locks, and with them to the next epoch. */
  #relocking({ epoch }: Counter, locks: Counter['locks']): object {
    const values: Record<string, Attribute> = {
      ':l': text(JSON.stringify(Object.fromEntries(locks))),
      ':next': number(epoch + 1),
      ...(epoch > 0 && { ':epoch': number(epoch) }),
    }
    return {
      TableName: this.#environment.tables.log,
      Key: counterKey,
      UpdateExpression: 'SET l = :l, r = :next',
      ConditionExpression: epoch === 0 ? 'attribute_not_exists(r)' : 'r = :epoch',
      ExpressionAttributeValues: values,
    }
  }
}

function registeredOf(name: string, item: Item): RegisteredProjection {
  return {
    name,
    version: numberOf(item, 'v') as number,
    generation: numberOf(item, 'n') as number,
    mode: textOf(item, 'm') as ProjectionMode,
  }
}

function buildingOf(item: Item): Building | undefined {
  const building = textOf(item, 'b')
  return building === undefined ? undefined : (JSON.parse(building) as Building)
}
