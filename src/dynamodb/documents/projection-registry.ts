/**
 * The registry of projections. A projection has one item:
 *
 *     v, n, m   version, generation and mode of the documents that are read
 *     h         the highest generation that a build was ever begun with
 *     b         the build under way: its version, its generation, and the id of the call that began it
 */
import { randomUUID } from 'node:crypto'
import {
  collectionGeneration,
  type ListedProjection,
  type ProjectionMode,
  type ProjectionToRegister,
  type RegisteredProjection,
} from '../../storage/index.ts'
import type { Environment } from '../environment.ts'
import { counterKey, type Key, projectionKey } from '../keys.ts'
import { inlineText } from '../log/slots.ts'
import { type Item, number, numberOf, text, textOf } from '../requests/attributes.ts'
import type { Part } from '../requests/writer.ts'

interface Build {
  readonly version: number
  readonly generation: number
  /** The id of the call that began it. */
  readonly id: string
}

// A log with more slots than this counts as used: to look through all of them for an event would take too
// long.
const maxEmptySlots = 1_000

export class ProjectionRegistry {
  readonly #environment: Environment

  constructor(environment: Environment) {
    this.#environment = environment
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
      const first = { ...projection, generation: 1 }
      const parts = [this.#registerPart(first)]
      if (mode === 'inline') {
        const entry = await this.#inlineEntryPart(first, signal)
        if (entry === undefined) {
          // Another process may have registered it since the first read, and then appended.
          const now = await this.#item(name, signal)
          return now && registeredOf(name, now)
        }
        parts.push(entry)
      }
      await this.#environment.writer.write('Registering a projection', parts, signal)
    }
  }

  #registerPart({ name, version, generation, mode }: RegisteredProjection): Part {
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
    return projectionPart(name, { Put: put })
  }

  /**
   * Returns the part that adds the projection to the list of inline projections in the counter. It fails if an append
   * has taken a slot meanwhile. Undefined if the log has events already. The epoch grows, so that no unlock writes the
   * former list again.
   */
  async #inlineEntryPart(
    projection: RegisteredProjection,
    signal: AbortSignal | undefined,
  ): Promise<Part | undefined> {
    const { log, slots, tables } = this.#environment
    const { slot, epoch, inline } = await slots.counter(signal)
    if (slot > maxEmptySlots) return undefined
    await log.settleAfter(0, signal)
    if ((await log.lastPosition(signal)) > 0) return undefined
    const update = {
      TableName: tables.log,
      Key: counterKey,
      UpdateExpression: 'SET i = :i, r = :next',
      ConditionExpression: ['n = :last', epoch === 0 ? 'attribute_not_exists(r)' : 'r = :epoch'].join(
        ' AND ',
      ),
      ExpressionAttributeValues: {
        ':i': text(inlineText(inline, projection)),
        ':next': number(epoch + 1),
        ':last': number(slot),
        ...(epoch > 0 && { ':epoch': number(epoch) }),
      },
    }
    return { item: { Update: update }, size: 0, name: 'counter', failed: () => undefined }
  }

  async registeredProjection(name: string, signal?: AbortSignal): Promise<RegisteredProjection | undefined> {
    const item = await this.#item(name, signal)
    return item && registeredOf(name, item)
  }

  /** Returns the projections of these names, in their order, without the names that are not registered. */
  async listed(names: readonly string[], signal?: AbortSignal): Promise<readonly ListedProjection[]> {
    if (names.length === 0) return []
    const subject = this.#subject('Listing projections', names.join(', '))
    const { connection } = this.#environment
    const items = await connection.batchGet(subject, names.map(projectionKey), { consistent: true }, signal)
    const byName = new Map(items.map((item) => [(item as Key).p.S.slice(2), item]))
    return names.flatMap((name) => {
      const item = byName.get(name)
      return item === undefined ? [] : [{ ...registeredOf(name, item), building: buildOf(item)?.version }]
    })
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
        const unbuilt = { name, version: 0, generation: collectionGeneration, mode }
        await writer.write('Registering a projection', [this.#registerPart(unbuilt)], signal)
        continue
      }
      const begun = buildOf(item)
      // If the answer to this call's own update was lost, the build carries this call's id and is not a
      // resumed one.
      if (begun?.version === version) return { generation: begun.generation, resumed: begun.id !== id }
      const highest = numberOf(item, 'h') as number
      const build: Build = { version, generation: highest + 1, id }
      const { done } = await connection.write(
        this.#subject('Beginning to build a projection', name),
        'UpdateItem',
        {
          TableName: tables.log,
          Key: projectionKey(name),
          UpdateExpression: 'SET b = :b, h = :next',
          ConditionExpression: 'h = :h',
          ExpressionAttributeValues: {
            ':b': text(JSON.stringify(build)),
            ':h': number(highest),
            ':next': number(highest + 1),
          },
        },
        signal,
      )
      if (done) return { generation: build.generation, resumed: false }
    }
  }

  /** Deletes the build under way, so that the next one begins at the start of the log. */
  async abandonBuild(name: string, signal: AbortSignal | undefined): Promise<void> {
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

  /** Part of a transaction: makes a generation the one that is read, and ends its build. */
  setGenerationPart({ name, version, generation, mode }: RegisteredProjection): Part {
    const update = {
      TableName: this.#environment.tables.log,
      Key: projectionKey(name),
      UpdateExpression: 'SET v = :v, n = :n, m = :m REMOVE b',
      // Fails if another process has abandoned this build, or has begun another one. A dropped projection
      // (version 0) has no build.
      ConditionExpression: version > 0 ? 'contains(b, :building)' : 'attribute_exists(p)',
      ExpressionAttributeValues: {
        ':v': number(version),
        ':n': number(generation),
        ':m': text(mode),
        ...(version > 0 && { ':building': text(`"generation":${generation},`) }),
      },
    }
    return projectionPart(name, { Update: update })
  }

  /** The generations that are read, by name; without the names that are not registered. */
  async generations(names: readonly string[], signal?: AbortSignal): Promise<ReadonlyMap<string, number>> {
    if (names.length === 0) return new Map()
    const { connection } = this.#environment
    const subject = this.#subject('Looking up projections', names.join(', '))
    const items = await connection.batchGet(subject, names.map(projectionKey), { consistent: true }, signal)
    return new Map(items.map((item) => [(item as Key).p.S.slice(2), numberOf(item, 'n') as number]))
  }

  /** The generation that is read; the one of collections if the name is not registered. */
  async currentGeneration(name: string, signal: AbortSignal | undefined): Promise<number> {
    return (await this.generations([name], signal)).get(name) ?? collectionGeneration
  }

  /** The generation that is read, and the highest that may have documents. */
  async generationRange(
    name: string,
    signal: AbortSignal | undefined,
  ): Promise<{ readonly current: number; readonly highest: number }> {
    const item = await this.#item(name, signal)
    return { current: numberOf(item, 'n') ?? collectionGeneration, highest: numberOf(item, 'h') ?? 0 }
  }
}

function projectionPart(name: string, item: object): Part {
  return { item, size: 0, name: `projection '${name}'`, failed: () => undefined }
}

function registeredOf(name: string, item: Item): RegisteredProjection {
  return {
    name,
    version: numberOf(item, 'v') as number,
    generation: numberOf(item, 'n') as number,
    mode: textOf(item, 'm') as ProjectionMode,
  }
}

function buildOf(item: Item): Build | undefined {
  const build = textOf(item, 'b')
  return build === undefined ? undefined : (JSON.parse(build) as Build)
}
