/** Deletes the parked events of a subscription that are in a range of positions. */

import { digits, type Key, parkedPartition, range } from '../keys.ts'
import type { Connection } from '../requests/connection.ts'
import type { Part, Writer } from '../requests/writer.ts'

// An item of a parked event may have 100 KB, and a transaction 4 MB.
export const mostParkedInTransaction = 25

export interface DeletionParts {
  readonly connection: Connection
  readonly writer: Writer
  readonly table: string
}

/**
 * Deletes the events parked after a position (exclusive) and up to another (inclusive). Each transaction contains
 * `guard`: a process that was paused must not delete an event that is parked again since. Returns false if the guard's
 * condition has failed.
 */
export async function deleteParked(
  { connection, writer, table }: DeletionParts,
  place: string,
  { after, upTo }: { readonly after: number; readonly upTo: number },
  guard: Part,
  signal: AbortSignal | undefined,
): Promise<boolean> {
  if (after >= upTo) return true
  const partition = parkedPartition(place)
  const items = await connection.queryAll(
    { doing: 'Deleting parked events', table, key: partition },
    {
      KeyConditionExpression: 'p = :p AND s BETWEEN :from AND :to',
      ExpressionAttributeValues: range(partition, digits(after + 1), digits(upTo)),
      ProjectionExpression: 'p, s',
    },
    signal,
  )
  const deletions = items.map((item): Part => {
    const { p, s } = item as Key
    return { ...guard, item: { Delete: { TableName: table, Key: { p, s } } } }
  })
  for (let from = 0; from < deletions.length; from += mostParkedInTransaction) {
    const some = deletions.slice(from, from + mostParkedInTransaction)
    if ((await writer.write('Deleting parked events', [guard, ...some], signal)) !== undefined) return false
  }
  return true
}
