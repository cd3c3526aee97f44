/**
 * The heads of streams. A version that ended a commit does so for ever. So this process remembers the head
 * that it wrote or read last, and the next append to the stream needs no read: the condition of its put fails
 * if the head is out of date.
 */

import { firstVersionOf, range, streamKey, streamPartition, type Tables } from '../keys.ts'
import { type Item, numberOf } from '../requests/attributes.ts'
import type { Connection } from '../requests/connection.ts'

export interface Head {
  /** 0 for a stream without events. */
  readonly version: number
  /** When the last event was recorded, in milliseconds since 1970. */
  readonly recordedAt: number
  /** The position of the last event; 0 if there is none. */
  readonly position: number
}

export const noHead: Head = { version: 0, recordedAt: Number.NEGATIVE_INFINITY, position: 0 }

// Beyond this number of streams, the process forgets the one whose head was remembered longest ago.
const maxRemembered = 10_000

/** The sort keys of all commits of a stream, as values for a query. */
export const allCommits = (streamId: string): Item => range(streamPartition(streamId), 'e#', 'e#~')

export class Heads {
  readonly #connection: Connection
  readonly #tables: Tables
  readonly #remembered = new Map<string, Head>()

  constructor(connection: Connection, tables: Tables) {
    this.#connection = connection
    this.#tables = tables
  }

  /** The head as this process saw it last; undefined if it has not seen the stream. */
  remembered(streamId: string): Head | undefined {
    return this.#remembered.get(streamId)
  }

  remember(streamId: string, head: Head): void {
    const before = this.#remembered.get(streamId)
    if (before !== undefined && before.version > head.version) return
    this.#remembered.delete(streamId)
    this.#remembered.set(streamId, head)
    if (this.#remembered.size <= maxRemembered) return
    const [oldest] = this.#remembered.keys()
    this.#remembered.delete(oldest as string)
  }

  /** Reads the head as it is now. */
  async read(streamId: string, signal?: AbortSignal): Promise<Head> {
    const partition = streamPartition(streamId)
    const subject = { doing: 'Looking where a stream ends', table: this.#tables.events, key: partition }
    const input = {
      KeyConditionExpression: 'p = :p AND s BETWEEN :from AND :to',
      ExpressionAttributeValues: allCommits(streamId),
      ProjectionExpression: 's, v, t, o, y',
      ScanIndexForward: false,
      Limit: 1,
    }
    const { items } = await this.#connection.query(subject, input, signal)
    const head = items[0] === undefined ? noHead : headOf(items[0])
    if (head.version > 0) this.remember(streamId, head)
    return head
  }

  /** Whether there is a stream without events. */
  async existsEmpty(streamId: string, signal?: AbortSignal): Promise<boolean> {
    return (await this.streamItem(streamId, signal)) !== undefined
  }

  /** The item that lists the stream. A stream with events may not be listed yet. */
  async streamItem(streamId: string, signal?: AbortSignal): Promise<Item | undefined> {
    const key = streamKey(streamId)
    const subject = { doing: 'Looking for a stream', table: this.#tables.events, key: key.p.S }
    return this.#connection.get(subject, key, signal)
  }
}

/**
 * The head of a stream that ends with this commit. In the item, `v` is the last version, `t` the time, `o` the position of
 * the first event, and `y` the position of the last event less that of the first, if the commit has not all positions
 * between them.
 */
export function headOf(item: Item): Head {
  const version = numberOf(item, 'v') as number
  return {
    version,
    recordedAt: numberOf(item, 't') as number,
    position: (numberOf(item, 'o') as number) + (numberOf(item, 'y') ?? version - firstVersionOf(item)),
  }
}
