/**
 * Encodes the events of a commit as one value: a JSON array with `[id, type, data, metadata, tags]` for each
 * event. One `JSON.parse` then reads the whole commit. Imported events add `[…, recordedAt, offset]`: each has
 * its own time, and its own position, counted from the commit's first position.
 *
 * Above 1 KB the value is compressed (raw deflate, RFC 1951), because DynamoDB bills each KB. A value that is
 * larger than an item continues in further items.
 */
import { deflateRawSync, inflateRawSync } from 'node:zlib'
import type { PreparedEvent, RecordedEvent } from '../../storage/index.ts'
import { type Attribute, bytes, type Item, number, text } from '../requests/attributes.ts'

/** The time and the position of an imported event: they do not follow from the first event of its commit. */
export interface ImportedPlace {
  /** Milliseconds since 1970. */
  readonly recordedAt: number
  /** Its position, less the position of the commit's first event. */
  readonly offset: number
}

/**
 * The attributes of the first item, and of the items that continue it: `e` is the body, `z` says how it is
 * compressed.
 */
export interface EncodedBody {
  readonly parts: readonly Item[]
  readonly size: number
}

// Compressing fewer bytes saves nothing: DynamoDB bills whole kilobytes.
const minBytesToCompress = 1_000
// An item may have 400 KB, with all of its attributes.
export const maxBytesOfPart = 390_000
const fastestLevel = 1

/** Returns the body of a commit as JSON text. */
export function bodyText(
  events: readonly PreparedEvent[],
  importedPlaces?: readonly ImportedPlace[],
): string {
  const tuples = events.map(({ id, type, data, metadata, tags }, index) => {
    const place = importedPlaces?.[index]
    const own = place === undefined ? '' : `,${place.recordedAt},${place.offset}`
    return `[${JSON.stringify(id)},${JSON.stringify(type)},${data},${metadata},${JSON.stringify(tags)}${own}]`
  })
  return `[${tuples.join(',')}]`
}

/** Encodes a text, compressed or not, in as many items as it needs. */
export function encodeText(whole: string, compress: boolean): EncodedBody {
  const size = Buffer.byteLength(whole)
  if (compress && size > minBytesToCompress) {
    const compressed = deflateRawSync(whole, { level: fastestLevel })
    if (compressed.length < size) return partsOf(compressed, 1)
  }
  if (size <= maxBytesOfPart) return { parts: [{ e: text(whole) }], size }
  return partsOf(Buffer.from(whole), 0)
}

function partsOf(whole: Buffer, compression: 0 | 1): EncodedBody {
  const parts: Record<string, Attribute>[] = []
  for (let from = 0; from < whole.length; from += maxBytesOfPart) {
    parts.push({ e: bytes(whole.subarray(from, from + maxBytesOfPart)) })
  }
  if (compression === 1) parts[0] = { ...parts[0], z: number(1) }
  return { parts, size: whole.length }
}

/** Decodes the text of a body in one item, or in several. */
export function decodeText(first: Item, others: readonly Item[] = []): string {
  const { e, z } = first
  if (e !== undefined && 'S' in e) return e.S
  const chunks = [first, ...others].map((item) => item.e as { readonly B: Uint8Array })
  const whole = chunks.length === 1 ? (chunks[0]?.B as Uint8Array) : Buffer.concat(chunks.map(({ B }) => B))
  return z === undefined ? Buffer.from(whole).toString() : inflateRawSync(whole).toString()
}

type Tuple = [
  id: string,
  type: string,
  data: unknown,
  metadata: RecordedEvent['metadata'],
  tags: string[],
  recordedAt?: number,
  offset?: number,
]

/** The body of a commit as a value. */
export type CommitTuples = readonly Tuple[]

/** The stream, the versions and the positions of a commit. */
export interface CommitPlace {
  readonly streamId: string
  readonly firstVersion: number
  /** The position of its first event. */
  readonly firstPosition: number
  readonly recordedAt: number
}

export function eventsOfTuples(
  tuples: CommitTuples,
  { streamId, firstVersion, firstPosition, recordedAt }: CommitPlace,
): RecordedEvent[] {
  return tuples.map(([id, type, data, metadata, tags, ownTime, ownOffset], nth) => ({
    id,
    type,
    data,
    metadata,
    tags,
    streamId,
    version: firstVersion + nth,
    position: firstPosition + (ownOffset ?? nth),
    recordedAt: new Date(ownTime ?? recordedAt),
  }))
}
