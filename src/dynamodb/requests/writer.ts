/**
 * Writes transactions that are made of parts, within the limits of DynamoDB. Each part knows what its failed
 * condition means.
 */

import { randomUUID } from 'node:crypto'
import { AppendTooLargeError } from '../../storage/index.ts'
import type { Tables } from '../keys.ts'
import type { Connection } from './connection.ts'
import { type CancellationReason, isConditionFailed } from './errors.ts'

/**
 * An item of a `TransactWriteItems` request: `{ Put }`, `{ Update }`, `{ Delete }` or `{ ConditionCheck }`.
 */
export type TransactItem = object

/** One item of a transaction, with its size, its name in errors, and the meaning of its condition. */
export interface Part {
  readonly item: TransactItem
  /** In bytes, as DynamoDB counts them. */
  readonly size: number
  /** Its name in error messages. */
  readonly name: string
  /** Returns the error to throw if its condition fails; undefined if a retry may succeed. */
  readonly failed: (reason: CancellationReason) => Error | undefined
  /**
   * Whether its condition fails because the transaction is written already: the answer to an earlier attempt was lost, and DynamoDB
   * has forgotten the token of the transaction since. @default no
   */
  readonly isWritten?: (reason: CancellationReason) => boolean
}

export interface FailedPart<P extends Part = Part> {
  readonly part: P
  readonly reason: CancellationReason
}

/** How many items DynamoDB takes in one transaction. */
export const maxTransactionItems = 100
// 4 MB, less a reserve: DynamoDB may count bytes that `sizeOf` does not.
const maxTransactionBytes = 4_100_000

export class Writer {
  readonly #connection: Connection
  readonly #table: string

  constructor(connection: Connection, tables: Tables) {
    this.#connection = connection
    this.#table = tables.log
  }

  fits(parts: readonly Part[]): boolean {
    return parts.length <= maxTransactionItems && sumOf(parts) <= maxTransactionBytes
  }

  /** The error for parts that do not fit: names the limit, and the parts that take most of it. */
  tooLarge(parts: readonly Part[]): AppendTooLargeError {
    const [first] = parts
    const largest = parts.reduce((most, part) => (part.size > most.size ? part : most), first as Part)
    return parts.length > maxTransactionItems
      ? new AppendTooLargeError('items', maxTransactionItems, parts.length, mostFrequentName(parts))
      : new AppendTooLargeError(
          'bytes',
          maxTransactionBytes,
          sumOf(parts),
          `${largest.name} (${largest.size} bytes)`,
        )
  }

  /** Divides parts into transactions that fit. Each of them also contains the `shared` parts. */
  packs(parts: readonly Part[], shared: readonly Part[]): Part[][] {
    const packs: Part[][] = []
    let pack = [...shared]
    for (const part of parts) {
      if (pack.length > shared.length && !this.fits([...pack, part])) {
        packs.push(pack)
        pack = [...shared]
      }
      pack.push(part)
    }
    if (pack.length > shared.length) packs.push(pack)
    return packs
  }

  /**
   * Writes all parts in one transaction. If conditions fail, nothing is written, and it returns the parts
   * whose condition failed.
   *
   * @throws AppendTooLargeError if the parts do not fit into one transaction
   */
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
    const failures = reasons?.flatMap((reason, index) =>
      isConditionFailed(reason) ? { part: parts[index] as P, reason } : [],
    )
    return failures?.some(({ part, reason }) => part.isWritten?.(reason)) ? undefined : failures
  }
}

const sumOf = (parts: readonly Part[]) => parts.reduce((sum, { size }) => sum + size, 0)

/** The kind of part that occurs most often: the beginning that the names of a kind share. */
function mostFrequentName(parts: readonly Part[]): string {
  const counts = new Map<string, number>()
  for (const { name } of parts) {
    const kind = name.replace(/ ['(0-9].*/s, '')
    counts.set(kind, (counts.get(kind) ?? 0) + 1)
  }
  const [kind, count] = [...counts].reduce((most, one) => (one[1] > most[1] ? one : most))
  return `${count} times '${kind}'`
}
