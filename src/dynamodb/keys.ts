/**
 * The keys of all items. Both tables have the partition key `p` and the sort key `s`.
 *
 *     <table>_events
 *       a commit          S#<stream>                 e#<first version>       its events, their positions, and their slot
 *         … continued     S#<stream>                 e#<first version>+<nn>  the part that exceeds the size of an item
 *       a listed stream   T#<shard>                  <stream>                when it was created, its metadata
 *       the list's end    listed                     0                       up to which slot of the log streams are listed
 *     <table>_log
 *       the format        meta                       0                       the format of the items
 *       an era            E                          <era>                   how the log is divided, see slots.ts
 *       the counter       C#<era>#<chain>            0                       how many slots and positions were taken
 *       a slot            L#<era>#<chain>#<block>    <slot>                  which events are in it
 *       event ids         I#<id without its last digit>  0                  see id-item.ts
 *       a document        D#<generation>#<shard>#<projection>  <key>         see documents.ts
 *       a projection      V#<projection>             0                       see projection-registry.ts
 *       a subscription's name  N#<shard>             <subscription>          its place, see subscription-items.ts
 *       a subscription    K#<place>                  a                       its header
 *       a checkpoint      K#<place>                  c#<shape>#<partition>
 *       a skip layer      K#<place>                  s#<shape>#<nnnn>
 *       a worker          K#<place>                  w#<worker>
 *       a parked event    P#<place>                  <position>              see parked.ts
 *       a process         H#<process>                0                       its heartbeat, see process-beats.ts
 *       a snapshot        F#<shard>#<name>           <stream>                a folded state, see snapshots.ts
 *       the change number subscriptions              0                       see change-number.ts
 *
 * A block holds 16 slots. So the log moves from one partition of the table to the next, and readers can compute all
 * keys. The log has one era and one chain of slots: era 1 and chain 0. A later version of the library may end era 1 and
 * continue the log with several chains, without a change to the items that are stored.
 */
import { createHash } from 'node:crypto'
import { type Item, text } from './requests/attributes.ts'

export interface Key extends Item {
  readonly p: { readonly S: string }
  readonly s: { readonly S: string }
}

const key = (p: string, s: string): Key => ({ p: { S: p }, s: { S: s } })

/** A number as digits that sort as text. */
export const digits = (value: number): string => String(value).padStart(16, '0')

export const slotsPerBlock = 16
const era = 1
const chain = 0
/** The shards of a list by name. Each shard takes as many writes per second as a partition of the table. */
export const shards = 8

/** The shard of a name. It must be the same on every machine and in every version of the library. */
function shardOf(name: string): number {
  return (createHash('md5').update(name, 'utf8').digest()[0] as number) % shards
}

export const streamPartition = (streamId: string): string => `S#${streamId}`
export const commitSort = (first: number): string => `e#${digits(first)}`
/** Sorts after a commit with all its parts, and before the next commit. */
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

/** The item that says up to which slot streams are listed. */
export const listedKey: Key = key('listed', '0')

export const metaKey: Key = key('meta', '0')
export const eraKey: Key = key('E', String(era))
export const counterKey: Key = key(`C#${era}#${chain}`, '0')
export const blockOf = (slot: number): number => Math.floor(slot / slotsPerBlock)
export const firstOfBlock = (block: number): number => Math.max(1, block * slotsPerBlock)
export const lastOfBlock = (block: number): number => (block + 1) * slotsPerBlock - 1
export const blockPartition = (block: number): string => `L#${era}#${chain}#${block}`
export const slotKey = (slot: number): Key => key(blockPartition(blockOf(slot)), digits(slot))
export const eventIdPrefix = 'I#'
export const eventIdKey = (id: string): Key => key(`${eventIdPrefix}${id.slice(0, -1)}`, '0')

export const documentPartition = (projection: string, generation: number, shard: number): string =>
  `D#${generation}#${shard}#${projection}`
export const documentKey = (projection: string, generation: number, documentKey: string): Key =>
  key(documentPartition(projection, generation, shardOf(documentKey)), documentKey)
export const projectionKey = (name: string): Key => key(`V#${name}`, '0')

/** One of the partitions of the table with the names of all subscriptions. */
export const namesPartition = (shard: number): string => `N#${shard}`
export const nameKey = (name: string): Key => key(namesPartition(shardOf(name)), name)
export const placePartition = (place: string): string => `K#${place}`
export const headerKey = (place: string): Key => key(placePartition(place), 'a')
const shapeDigits = (shape: number) => String(shape).padStart(8, '0')
const indexDigits = (index: number) => String(index).padStart(4, '0')
export const checkpointKey = (place: string, shape: number, partition: number): Key =>
  key(placePartition(place), `c#${shapeDigits(shape)}#${indexDigits(partition)}`)
export const skipLayerKey = (place: string, shape: number, index: number): Key =>
  key(placePartition(place), `s#${shapeDigits(shape)}#${indexDigits(index)}`)
export const workerKey = (place: string, worker: string): Key => key(placePartition(place), `w#${worker}`)
export const parkedPartition = (place: string): string => `P#${place}`
export const parkedKey = (place: string, position: number): Key =>
  key(parkedPartition(place), digits(position))
export const processKey = (process: string): Key => key(`H#${process}`, '0')
export const snapshotPartition = (name: string, shard: number): string => `F#${shard}#${name}`
export const snapshotKey = (name: string, streamId: string): Key =>
  key(snapshotPartition(name, shardOf(streamId)), streamId)
/** The item with the change number of all subscriptions. */
export const changeNumberKey: Key = key('subscriptions', '0')

/** The names of the two tables. */
export interface Tables {
  readonly events: string
  readonly log: string
}

export const tablesOf = (table: string): Tables => ({ events: `${table}_events`, log: `${table}_log` })

/** The values of a query for a range of a partition (inclusive). */
export const range = (partition: string, from: string, to: string): Item => ({
  ':p': text(partition),
  ':from': text(from),
  ':to': text(to),
})
