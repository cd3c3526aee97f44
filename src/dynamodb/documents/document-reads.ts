/** Reads, lists and compares the documents of a projection, in the generation that is read. */
import {
  type Comparison,
  collectionGeneration,
  compareNames,
  type DocumentChange,
  type DocumentDifference,
  isSameJson,
  type StoredDocument,
} from '../../storage/index.ts'
import type { Environment } from '../environment.ts'
import { documentPartition, shards } from '../keys.ts'
import { text, textOf } from '../requests/attributes.ts'
import { listPage, mergeShards } from '../requests/merge-shards.ts'
import { documentOf, readDocumentItems } from './documents.ts'
import type { ProjectionRegistry } from './projection-registry.ts'

const documentsPerPage = 500

export class DocumentReads {
  readonly #environment: Environment
  readonly #registry: ProjectionRegistry
  /**
   * The generation that this process read last, by projection. It is a guess: it is usually still the current
   * one.
   */
  readonly #lastGeneration = new Map<string, number>()

  constructor(environment: Environment, registry: ProjectionRegistry) {
    this.#environment = environment
    this.#registry = registry
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
      this.#registry.currentGeneration(projection, signal),
    ])
    // A missing document may be missing because its generation was replaced and dropped between the two
    // reads.
    const isSure =
      item !== undefined || (await this.#registry.currentGeneration(projection, signal)) === guess
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
    for (let generation = await this.#registry.currentGeneration(projection, signal); ; ) {
      const documents = await this.#list(projection, generation, prefix, after, limit, signal)
      // If another generation took over meanwhile, some of these documents may have been dropped: list again.
      const current = await this.#registry.currentGeneration(projection, signal)
      if (current === generation) return documents
      generation = current
    }
  }

  /** Counts the documents of the generation that is read. */
  async countDocuments(projection: string, signal?: AbortSignal): Promise<number> {
    const { connection, tables } = this.#environment
    const generation = await this.#registry.currentGeneration(projection, signal)
    const counts = await Promise.all(
      Array.from({ length: shards }, (_, shard) => {
        const key = documentPartition(projection, generation, shard)
        const input = {
          KeyConditionExpression: 'p = :p',
          // Deleted documents are still there.
          FilterExpression: 'attribute_not_exists(x)',
          ExpressionAttributeValues: { ':p': text(key) },
        }
        return connection.count({ doing: 'Counting documents', table: tables.log, key }, input, signal)
      }),
    )
    return counts.reduce((sum, count) => sum + count, 0)
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
      // The items of deleted documents are still among them.
      for (const item of items)
        documents.push(...[documentOf(item)].filter((document) => document !== undefined))
      last = textOf(items.at(-1), 's') as string
    }
    return documents
  }

  /** Compares two generations. `pending`: changes that are not written yet, and count as if they were. */
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
}
