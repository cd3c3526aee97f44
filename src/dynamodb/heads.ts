/**
 * Where streams end. That a version was the last of a commit stays true for ever, so what this process wrote or read
 * last is remembered: the put that demands that nothing is behind it then needs no look before it.
 */
import { type Item, numberOf } from './attributes.ts'
import type { Connection } from './connection.ts'
import { firstVersionOf, positionOf, range, streamKey, streamPartition, type Tables } from './keys.ts'

export interface Head {
  /** 0: no events. */
  readonly version: number
  /** When the last event was recorded, in milliseconds since 1970. */
  readonly recordedAt: number
  /** The position of the last event; 0: there is none. */
  readonly position: number
}

export const noHead: Head = { version: 0, recordedAt: Number.NEGATIVE_INFINITY, position: 0 }

// Streams that are remembered: the least recently used is forgotten first.
const mostRemembered = 10_000

/** The sort keys of commits, from the first to the last that there may be. */
export const allCommits = (streamId: string): Item => range(streamPartition(streamId), 'e#', 'e#~')

export class Heads {
  readonly #connection: Connection
  readonly #tables: Tables
  readonly #remembered = new Map<string, Head>()

  constructor(connection: Connection, tables: Tables) {
    this.#connection = connection
    this.#tables = tables
  }

  /** As it was when this process last saw it. */
  remembered(streamId: string): Head | undefined {
    return this.#remembered.get(streamId)
  }

  remember(streamId: string, head: Head): void {
    const before = this.#remembered.get(streamId)
    if (before !== undefined && before.version > head.version) return
    this.#remembered.delete(streamId)
    this.#remembered.set(streamId, head)
    if (this.#remembered.size <= mostRemembered) return
    const [oldest] = this.#remembered.keys()
    this.#remembered.delete(oldest as string)
  }

  /** As it is now. */
  async read(streamId: string, signal?: AbortSignal): Promise<Head> {
    const partition = streamPartition(streamId)
    const subject = { doing: 'Looking where a stream ends', table: this.#tables.events, key: partition }
    const input = {
      KeyConditionExpression: 'p = :p AND s BETWEEN :from AND :to',
      ExpressionAttributeValues: allCommits(streamId),
      ProjectionExpression: 's, v, t, g, x, y',
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

  /** What is listed: of a stream with events, perhaps not yet. */
  async streamItem(streamId: string, signal?: AbortSignal): Promise<Item | undefined> {
    const key = streamKey(streamId)
    const subject = { doing: 'Looking for a stream', table: this.#tables.events, key: key.p.S }
    return this.#connection.get(subject, key, signal)
  }
}

/** A commit, or what is left of one: `v` its last version, `t` its time, `g` its slot, `x` and `y` its first and last index there. */
export function headOf(item: Item): Head {
  const version = numberOf(item, 'v') as number
  const first = firstVersionOf(item)
  const last = numberOf(item, 'y') ?? (numberOf(item, 'x') as number) + version - first
  return {
    version,
    recordedAt: numberOf(item, 't') as number,
    position: positionOf(numberOf(item, 'g') as number, last),
  }
}
