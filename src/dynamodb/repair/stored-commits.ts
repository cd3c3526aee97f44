/** Looks at the commits that are stored. All reads are consistent. */
import type { RecordedEvent } from '../../storage/index.ts'
import { type Commit, eventsOf, partsIn } from '../commits/read.ts'
import { afterCommitSort, commitKey, commitSort, range, streamPartition, type Tables } from '../keys.ts'
import { type Item, numberOf } from '../requests/attributes.ts'
import type { Connection } from '../requests/connection.ts'
import { type CommitPlace, placeAttributes, placeOf } from './commit-place.ts'

const betweenKeys = 'p = :p AND s BETWEEN :from AND :to'

export class StoredCommits {
  readonly #connection: Connection
  readonly #table: string
  readonly #signal: AbortSignal | undefined

  constructor(connection: Connection, tables: Tables, signal: AbortSignal | undefined) {
    this.#connection = connection
    this.#table = tables.events
    this.#signal = signal
  }

  #subject(key: string) {
    return { doing: 'Looking for commits', table: this.#table, key }
  }

  /** Returns the last commit that begins at or before a version; undefined if there is none. */
  async lastUpTo(streamId: string, version: number): Promise<CommitPlace | undefined> {
    if (version < 1) return undefined
    const partition = streamPartition(streamId)
    const input = {
      KeyConditionExpression: betweenKeys,
      ExpressionAttributeValues: range(partition, 'e#', afterCommitSort(version)),
      ProjectionExpression: placeAttributes,
      ScanIndexForward: false,
      Limit: 1,
    }
    const { items } = await this.#connection.query(this.#subject(partition), input, this.#signal)
    return items[0] && placeOf(items[0])
  }

  /** Returns those of the commits that are stored in the same slot, completely or in part. */
  async present(places: readonly CommitPlace[]): Promise<ReadonlySet<CommitPlace>> {
    const found = await Promise.all(places.map((place) => this.#isPresent(place)))
    return new Set(places.filter((_, index) => found[index]))
  }

  async #isPresent({ streamId, first, slot }: CommitPlace): Promise<boolean> {
    const partition = streamPartition(streamId)
    const input = {
      KeyConditionExpression: betweenKeys,
      ExpressionAttributeValues: range(partition, commitSort(first), afterCommitSort(first)),
      ProjectionExpression: 'g',
      Limit: 1,
    }
    const { items } = await this.#connection.query(this.#subject(partition), input, this.#signal)
    // A commit that was written again after the restore belongs to its new slot, and not to the old one.
    return numberOf(items[0], 'g') === slot
  }

  /** Whether all items of a commit are stored. */
  async isComplete(streamId: string, first: number): Promise<boolean> {
    const [item, ...others] = await this.#items(streamId, first, 's, m')
    return item !== undefined && others.length === partsIn(item) - 1
  }

  /** Returns a whole commit. */
  async read({ streamId, first }: Pick<CommitPlace, 'streamId' | 'first'>): Promise<Commit> {
    const [item, ...others] = await this.#items(streamId, first)
    return { first: item as Item, others }
  }

  /** Returns the events of a commit; none if one of its items is lost. */
  async eventsOf(place: Pick<CommitPlace, 'streamId' | 'first'>): Promise<readonly RecordedEvent[]> {
    const commit = await this.read(place)
    return commit.others.length === partsIn(commit.first) - 1 ? eventsOf(place.streamId, commit) : []
  }

  #items(streamId: string, first: number, attributes?: string): Promise<readonly Item[]> {
    const { p } = commitKey(streamId, first)
    const input = {
      KeyConditionExpression: betweenKeys,
      ExpressionAttributeValues: range(p.S, commitSort(first), afterCommitSort(first)),
      ...(attributes !== undefined && { ProjectionExpression: attributes }),
    }
    return this.#connection.queryAll(this.#subject(p.S), input, this.#signal)
  }
}
