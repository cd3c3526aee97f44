/**
 * Encodes the events of a commit as one value: a JSON array with `[id, type, data, metadata, tags]` for each
 * event. One `JSON.parse` then reads the whole commit. Imported events add `[…, recordedAt, index]`: each has
 * its own time, and its own index in the slot.
 *
 * Above 1 KB the value is compressed (raw deflate, RFC 1951), because DynamoDB bills each KB. A value that is
 * larger than an item continues in further items.
 */
import { deflateRawSync, inflateRawSync } from 'node:zlib'
import type { PreparedEvent, RecordedEvent } from '../storage/index.ts'
import { type Attribute, bytes, type Item, number, text } from './attributes.ts'
import { positionOf } from './keys.ts'

/**
 * The time and the index of an imported event: in a commit of an import, they do not follow from the first
 * event.
 */
export interface ImportedPlace {
  /** Milliseconds since 1970. */
  readonly recordedAt: number
  /** Its index in the slot. */
  readonly index: number
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

export function encodeBody(
  events: readonly PreparedEvent[],
  compress: boolean,
  importedPlaces?: readonly ImportedPlace[],
): EncodedBody {
  const tuples = events.map(({ id, type, data, metadata, tags }, index) => {
    const place = importedPlaces?.[index]
    const own = place === undefined ? '' : `,${place.recordedAt},${place.index}`
    return `[${JSON.stringify(id)},${JSON.stringify(type)},${data},${metadata},${JSON.stringify(tags)}${own}]`
  })
  return encodeText(`[${tuples.join(',')}]`, compress)
}

/** Encodes any text in the same way. */
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
  index?: number,
]

/** The stream, the versions and the positions of a commit. */
export interface CommitPlace {
  readonly streamId: string
  readonly firstVersion: number
  readonly slot: number
  /** The index of its first event in the slot. */
  readonly index: number
  readonly recordedAt: number
}

export function decodeBody(
  body: string,
  { streamId, firstVersion, slot, index, recordedAt }: CommitPlace,
): RecordedEvent[] {
  const tuples = JSON.parse(body) as Tuple[]
  return tuples.map(([id, type, data, metadata, tags, ownTime, ownIndex], nth) => ({
    id,
    type,
    data,
    metadata,
    tags,
    streamId,
    version: firstVersion + nth,
    position: positionOf(slot, ownIndex ?? index + nth),
    recordedAt: new Date(ownTime ?? recordedAt),
  }))
}
