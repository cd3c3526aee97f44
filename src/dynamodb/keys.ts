/**
 * Where everything is. Both tables have the partition key `p` and the sort key `s`.
 *
 *     <table>_events
 *       a commit          S#<stream>                 e#<first version>       its events, and the slot they are in
 *         more of it      S#<stream>                 e#<first version>+<nn>  what is beyond an item's size
 *       a stream          T#<shard>                  <stream>                when it was made, its metadata
 *       what is listed    listed                     0                       up to which slot of the log
 *     <table>_log
 *       the format        meta                       0
 *       the counter       C                          0                       the last slot that was taken
 *       a slot            L#<block>                  <slot>                  which events are there
 *       an event id       I#<id>                     0                       where the event with a caller's id is
 *       a document        D#<generation>#<shard>#<projection>  <key>
 *       a projection      V#<projection>             0                       which generation is read
 *       a checkpoint      K#<subscription>           c#<partition>
 *       a worker          K#<subscription>           w#<worker>
 *       a parked event    P#<subscription>           <position>
 *
 * A block holds 128 slots, so that the log goes from one partition of the table to the next, and readers know all keys.
 */
import { createHash } from 'node:crypto'
import { type Item, text } from './attributes.ts'

export interface Key extends Item {
  readonly p: { readonly S: string }
  readonly s: { readonly S: string }
}

const key = (p: string, s: string): Key => ({ p: { S: p }, s: { S: s } })

/** Numbers, so that they sort as texts. */
export const digits = (value: number): string => String(value).padStart(16, '0')

export const slotsPerBlock = 128
/** Positions of one slot: each event of it has one. */
export const positionsPerSlot = 65_536
/** Parts of what is listed by name: each takes as many writes a second as a partition of the table does. */
export const shards = 8

export const positionOf = (slot: number, index: number): number => slot * positionsPerSlot + index
export const slotOf = (position: number): number => Math.floor(position / positionsPerSlot)
export const lastPositionOf = (slot: number): number => positionOf(slot, positionsPerSlot - 1)

/** The same on every machine and in every version of the library. */
function shardOf(name: string): number {
  return (createHash('md5').update(name, 'utf8').digest()[0] as number) % shards
}

export const streamPartition = (streamId: string): string => `S#${streamId}`
export const commitSort = (first: number): string => `e#${digits(first)}`
/** Sorts behind a commit and all its parts, and before the next one. */
export const afterCommitSort = (first: number): string => `${commitSort(first)}~`
export const commitKey = (streamId: string, first: number): Key =>
  key(streamPartition(streamId), commitSort(first))
export const commitPartKey = (streamId: string, first: number, part: number): Key =>
  key(streamPartition(streamId), `${commitSort(first)}+${String(part).padStart(2, '0')}`)

export function firstVersionOf(item: Item): number {
  return Number((item as Key).s.S.slice(2, 18))
}

export const listPartition = (shard: number): string => `T#${shard}`
export const streamKey = (streamId: string): Key => key(listPartition(shardOf(streamId)), streamId)

/** Up to which slot streams are listed. */
export const listedKey: Key = key('listed', '0')

export const metaKey: Key = key('meta', '0')
export const counterKey: Key = key('C', '0')
export const blockOf = (slot: number): number => Math.floor(slot / slotsPerBlock)
export const blockPartition = (block: number): string => `L#${block}`
export const slotKey = (slot: number): Key => key(blockPartition(blockOf(slot)), digits(slot))
export const eventIdKey = (id: string): Key => key(`I#${id}`, '0')

export const documentPartition = (projection: string, generation: number, shard: number): string =>
  `D#${generation}#${shard}#${projection}`
export const documentKey = (projection: string, generation: number, documentKey: string): Key =>
  key(documentPartition(projection, generation, shardOf(documentKey)), documentKey)
export const projectionKey = (name: string): Key => key(`V#${name}`, '0')

export const subscriptionPartition = (name: string): string => `K#${name}`
export const checkpointKey = (name: string, partition: number): Key =>
  key(subscriptionPartition(name), `c#${String(partition).padStart(4, '0')}`)
export const workerKey = (name: string, worker: string): Key =>
  key(subscriptionPartition(name), `w#${worker}`)
export const parkedPartition = (name: string): string => `P#${name}`
export const parkedKey = (name: string, position: number): Key => key(parkedPartition(name), digits(position))

/** Which tables, and what is needed to say a key in a request. */
export interface Tables {
  readonly events: string
  readonly log: string
}

export const tablesOf = (table: string): Tables => ({ events: `${table}_events`, log: `${table}_log` })

/** The values of a condition on a partition and a range of it. */
export const range = (partition: string, from: string, to: string): Item => ({
  ':p': text(partition),
  ':from': text(from),
  ':to': text(to),
})
