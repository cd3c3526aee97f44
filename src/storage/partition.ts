/** Divides streams into partitions, in the same way on every store and in every version of its database. */
import { createHash } from 'node:crypto'
import type { Partition } from './log-query.ts'

/** Returns the hash of a stream that decides its partition: the first 32 bits of the MD5 of its id. */
export function streamHash(streamId: string): number {
  return createHash('md5').update(streamId, 'utf8').digest().readUInt32BE(0)
}

/** Returns the 0-based partition of a stream: its hash modulo the number of partitions. */
export function partitionOf(streamId: string, count: number): number {
  return streamHash(streamId) % count
}

/** Returns true if the stream is in the partition. */
export function isInPartition(streamId: string, { index, count }: Partition): boolean {
  return count === 1 || partitionOf(streamId, count) === index
}
