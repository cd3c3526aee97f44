/** Dividing streams into parts, the same way on every store and in every version of its database. */
import { createHash } from 'node:crypto'
import type { Partition } from './log-query.ts'

/** The 0-based part of a stream: the first 32 bits of its id's MD5, modulo the number of parts. */
export function partitionOf(streamId: string, count: number): number {
  return createHash('md5').update(streamId, 'utf8').digest().readUInt32BE(0) % count
}

export function isInPartition(streamId: string, { index, count }: Partition): boolean {
  return count === 1 || partitionOf(streamId, count) === index
}
