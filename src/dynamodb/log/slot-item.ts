/**
 * The item of a slot:
 *
 *     o      the position of its first event
 *     b      its runs of events, and the events themselves if they add little to the price of the item
 *     t, w   when its last event was recorded, and when the item was written
 *     x      in place of all others: the slot is sealed
 *
 * `b` begins with one byte, which says how the rest is encoded: 1 for JSON, 2 for compressed JSON (raw deflate, RFC 1951).
 * The JSON is `[runs]` or `[runs, commits]`. A commit is `[recordedAt, body]`, with the body of commit-body.ts. The commits
 * have the order in which they first appear among the runs.
 */
import { deflateRawSync, inflateRawSync } from 'node:zlib'
import { SchemaMismatchError } from '../../storage/index.ts'
import { type CommitTuples, maxBytesOfPart } from '../commits/commit-body.ts'
import { slotKey } from '../keys.ts'
import { bytes, type Item, number, numberOf, sizeOf, textOf } from '../requests/attributes.ts'

/** Consecutive events of one commit. */
export interface Run {
  readonly streamId: string
  readonly firstVersion: number
  readonly count: number
  readonly types: readonly string[]
  /** The first version of the commit. The events of an imported commit may be in several runs. */
  readonly commit: number
  /** The size of the whole commit in bytes of text; 0 if it has less than 16 KB. */
  readonly bytes: number
}

/** The run of events that a restored table no longer has: their positions stay empty. */
export const lostRun = (count: number): Run => ({
  streamId: '',
  firstVersion: 0,
  count,
  types: [],
  commit: 0,
  bytes: 0,
})
export const isLost = ({ firstVersion }: Run): boolean => firstVersion === 0

/** The name of the commit that a run is in, unique in the log. */
export const commitNameOf = ({ commit, streamId }: Pick<Run, 'commit' | 'streamId'>): string =>
  `${commit} ${streamId}`

/** A settled slot: used or sealed. */
export interface Slot {
  readonly number: number
  /** The position of its first event; 0 if the slot was sealed. */
  readonly first: number
  /** Empty if the slot was sealed. */
  readonly runs: readonly Run[]
  /** The number of its events. */
  readonly count: number
  /** When the last of its events was recorded, in milliseconds since 1970. */
  readonly recordedAt: number
  /** When its item was written, in milliseconds since 1970. */
  readonly writtenAt: number
  /** Its commits, by their names; undefined if the slot does not contain them. */
  readonly commits: ReadonlyMap<string, CommitInSlot> | undefined
}

/** A commit that a slot contains. */
export interface CommitInSlot {
  /** Milliseconds since 1970. */
  readonly recordedAt: number
  readonly tuples: CommitTuples
  /** About how many bytes its body takes. */
  readonly bytes: number
}

/** The position of the last event in a used slot. */
export const lastPositionIn = ({ first, count }: Slot): number => first + count - 1

export const sealedItem = (slot: number): Item => ({ ...slotKey(slot), x: { BOOL: true } })

type StoredRun = [
  streamId: string,
  first: number,
  count: number,
  types: readonly string[],
  // How far its first version is from the first version of its commit.
  offset?: number,
  kilobytes?: number,
]
type StoredCommit = [recordedAt: number, tuples: CommitTuples]

// The first byte of `b`.
const plainJson = 1
const deflatedJson = 2
// Compressing fewer bytes saves nothing: DynamoDB bills whole kilobytes.
const minBytesToCompress = 1_000
// Takes 14 µs for an event of 1,500 bytes, where the fastest level takes 4. It saves a fifth of the write units.
const level = 6
// A slot contains its commits if that adds no more than this to the price of each of them.
const maxUnitsPerCommit = 0.25
const bytesOfKilobyte = 1_024
/** A transaction costs two write units for each kilobyte of an item that it writes. */
const unitsPerKilobyte = 2
// JSON rarely compresses to less than a twelfth. Longer bodies are not tried: that would only cost time.
const mostCompression = 12

export interface SlotContent extends Pick<Slot, 'number' | 'first' | 'recordedAt' | 'writtenAt'> {
  readonly runs: readonly Run[]
  /** The bodies of its commits, in the order in which they first appear among the runs; empty to leave them out. */
  readonly commits: readonly { readonly recordedAt: number; readonly body: string }[]
}

/** Returns the item of a used slot. It contains the commits if that costs little. */
export function slotItem({ commits, ...content }: SlotContent, compress: boolean): Item {
  const runs = JSON.stringify(content.runs.map(storedRun))
  const plain = itemOf(content, `[${runs}]`, compress)
  const characters = commits.reduce((sum, { body }) => sum + body.length, 0)
  if (commits.length === 0 || characters > maxCharactersOf(commits.length)) return plain
  const bodies = commits.map(({ recordedAt, body }) => `[${recordedAt},${body}]`)
  const packed = itemOf(content, `[${runs},[${bodies.join(',')}]]`, compress)
  const added = unitsOf(packed) - unitsOf(plain)
  return added <= maxUnitsPerCommit * commits.length && sizeOf(packed) <= maxBytesOfPart ? packed : plain
}

/** How many characters the bodies of so many commits may have, to be in a slot. */
function maxCharactersOf(commits: number): number {
  const kilobytes = (maxUnitsPerCommit * commits) / unitsPerKilobyte + 1
  return kilobytes * bytesOfKilobyte * mostCompression
}

function storedRun({ streamId, firstVersion, count, types, commit, bytes }: Run): StoredRun {
  const offset = firstVersion - commit
  if (bytes > 0) return [streamId, firstVersion, count, types, offset, Math.ceil(bytes / bytesOfKilobyte)]
  return offset > 0 ? [streamId, firstVersion, count, types, offset] : [streamId, firstVersion, count, types]
}

const unitsOf = (item: Item) => Math.ceil(sizeOf(item) / bytesOfKilobyte) * unitsPerKilobyte

function itemOf(
  slot: Pick<Slot, 'number' | 'first' | 'recordedAt' | 'writtenAt'>,
  json: string,
  compress: boolean,
): Item {
  return {
    ...slotKey(slot.number),
    o: number(slot.first),
    b: bytes(encode(Buffer.from(json), compress)),
    t: number(slot.recordedAt),
    w: number(slot.writtenAt),
  }
}

function encode(json: Buffer, compress: boolean): Buffer {
  if (compress && json.length > minBytesToCompress) {
    const deflated = deflateRawSync(json, { level })
    if (deflated.length < json.length) return Buffer.concat([Buffer.of(deflatedJson), deflated])
  }
  return Buffer.concat([Buffer.of(plainJson), json])
}

/** @throws SchemaMismatchError if a later version of the library wrote the item */
function decode(stored: Uint8Array): string {
  const [encoding] = stored
  const rest = stored.subarray(1)
  if (encoding === deflatedJson) return inflateRawSync(rest).toString()
  if (encoding === plainJson) return Buffer.from(rest).toString()
  throw new SchemaMismatchError(
    `A slot of the log has the encoding ${encoding}, which this version of the library does not know: update the library`,
  )
}

/** @throws SchemaMismatchError if a later version of the library wrote the item */
export function slotOfItem(item: Item): Slot {
  checkNotEnded(item)
  const settled = { number: Number(textOf(item, 's')), first: 0, recordedAt: 0, writtenAt: 0 }
  const stored = item.b
  if (stored === undefined || !('B' in stored)) return { ...settled, runs: [], count: 0, commits: undefined }
  const json = decode(stored.B)
  const [storedRuns, storedCommits] = JSON.parse(json) as [readonly StoredRun[], (readonly StoredCommit[])?]
  const runs = storedRuns.map(
    ([streamId, firstVersion, count, types, offset = 0, kilobytes = 0]): Run => ({
      streamId,
      firstVersion,
      count,
      types,
      commit: firstVersion - offset,
      bytes: kilobytes * bytesOfKilobyte,
    }),
  )
  const count = runs.reduce((sum, run) => sum + run.count, 0)
  const bytesOfEvent = json.length / Math.max(1, count)
  const commitOf = ([recordedAt, tuples]: StoredCommit): CommitInSlot => ({
    recordedAt,
    tuples,
    bytes: bytesOfEvent * tuples.length,
  })
  const names = [...commitNamesOf(runs)]
  return {
    ...settled,
    first: numberOf(item, 'o') as number,
    recordedAt: numberOf(item, 't') as number,
    writtenAt: numberOf(item, 'w') as number,
    runs,
    count,
    commits:
      storedCommits && new Map(storedCommits.map((commit, nth) => [names[nth] as string, commitOf(commit)])),
  }
}

/** The names of the commits, in the order in which they first appear among the runs. */
export const commitNamesOf = (runs: readonly Run[]): ReadonlySet<string> => new Set(runs.map(commitNameOf))

/**
 * Checks the counter, or a slot.
 *
 * @throws SchemaMismatchError if a later version of the library has ended this era of the log
 */
export function checkNotEnded(item: Item | undefined): void {
  if (item?.z === undefined) return
  throw new SchemaMismatchError(
    'A later version of the library has divided the log, and this version cannot read the rest of it: update the library',
  )
}

// The readers of a smaller commit need not know its size.
const minBytesToNote = 16_384

/** Returns the runs of events that are consecutive in a slot. `bytes`: the size of the whole commit as text. */
export function runsOf(
  events: readonly {
    readonly streamId: string
    readonly version: number
    readonly type: string
    readonly commit: number
    readonly bytes: number
  }[],
): Run[] {
  const runs: (Omit<Run, 'count' | 'types'> & { count: number; readonly types: string[] })[] = []
  for (const { streamId, version, type, commit, bytes } of events) {
    const last = runs.at(-1)
    if (last?.commit === commit && last.streamId === streamId && last.firstVersion + last.count === version) {
      last.count++
      if (!last.types.includes(type)) last.types.push(type)
    } else {
      const noted = bytes < minBytesToNote ? 0 : bytes
      runs.push({ streamId, firstVersion: version, count: 1, types: [type], commit, bytes: noted })
    }
  }
  return runs
}
