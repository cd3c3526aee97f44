/** Transactions made of parts, each of which knows what it means if its condition fails; and what DynamoDB takes at once. */

import { randomUUID } from 'node:crypto'
import { AppendTooLargeError } from '../storage/index.ts'
import type { Connection } from './connection.ts'
import { type CancellationReason, isConditionFailed } from './errors.ts'
import type { Tables } from './keys.ts'

/** An item of a `TransactWriteItems` request: `{ Put }`, `{ Update }`, `{ Delete }` or `{ ConditionCheck }`. */
export type TransactItem = object

/** An item of a transaction. */
export interface Part {
  readonly item: TransactItem
  /** In bytes, as DynamoDB counts. */
  readonly size: number
  /** What to call it in an error. */
  readonly name: string
  /** The error to throw if its condition fails; undefined if trying anew may help. */
  readonly failed: (reason: CancellationReason) => Error | undefined
}

export interface FailedPart<P extends Part = Part> {
  readonly part: P
  readonly reason: CancellationReason
}

const mostItems = 100
// 4 MB, less what DynamoDB may count that we do not.
const mostBytes = 4_100_000

export class Writer {
  readonly #connection: Connection
  readonly #table: string

  constructor(connection: Connection, tables: Tables) {
    this.#connection = connection
    this.#table = tables.log
  }

  fits(parts: readonly Part[]): boolean {
    return parts.length <= mostItems && sumOf(parts) <= mostBytes
  }

  /** Why parts do not fit. */
  tooLarge(parts: readonly Part[]): AppendTooLargeError {
    const [first] = parts
    const largest = parts.reduce((most, part) => (part.size > most.size ? part : most), first as Part)
    return parts.length > mostItems
      ? new AppendTooLargeError('items', mostItems, parts.length, mostNamed(parts))
      : new AppendTooLargeError('bytes', mostBytes, sumOf(parts), `${largest.name} (${largest.size} bytes)`)
  }

  /** Divides parts into transactions, each with those that go along with all. */
  packs(parts: readonly Part[], along: readonly Part[]): Part[][] {
    const packs: Part[][] = []
    let pack = [...along]
    for (const part of parts) {
      if (pack.length > along.length && !this.fits([...pack, part])) {
        packs.push(pack)
        pack = [...along]
      }
      pack.push(part)
    }
    if (pack.length > along.length) packs.push(pack)
    return packs
  }

  /** Writes all parts at once; or answers with those whose condition failed. @throws AppendTooLargeError */
  async write<P extends Part>(
    doing: string,
    parts: readonly P[],
    signal?: AbortSignal,
  ): Promise<readonly FailedPart<P>[] | undefined> {
    if (parts.length === 0) return undefined
    if (!this.fits(parts)) throw this.tooLarge(parts)
    const subject = { doing, table: this.#table, key: `${parts.length} items: ${parts[0]?.name}` }
    const items = parts.map(({ item }) => item)
    const reasons = await this.#connection.transact(subject, items, randomUUID(), signal)
    return reasons?.flatMap((reason, index) =>
      isConditionFailed(reason) ? { part: parts[index] as P, reason } : [],
    )
  }
}

const sumOf = (parts: readonly Part[]) => parts.reduce((sum, { size }) => sum + size, 0)

/** The kind of which there are most: what their names have in common. */
function mostNamed(parts: readonly Part[]): string {
  const counts = new Map<string, number>()
  for (const { name } of parts) {
    const kind = name.replace(/ ['(0-9].*/s, '')
    counts.set(kind, (counts.get(kind) ?? 0) + 1)
  }
  const [kind, count] = [...counts].reduce((most, one) => (one[1] > most[1] ? one : most))
  return `${count} times '${kind}'`
}
