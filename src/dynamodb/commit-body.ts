/**
 * The events of a commit as one value: a JSON array of `[id, type, data, metadata, tags]` each, so that a whole commit is
 * read by one `JSON.parse`. Imported events add `[…, recordedAt, index]`: their times, and their places in the slot, are
 * their own. Above 1 KB it is compressed (raw deflate, RFC 1951), since DynamoDB bills each KB; above an item's size it
 * goes on in further items.
 */

import { deflateRawSync, inflateRawSync } from 'node:zlib'
import type { PreparedEvent, RecordedEvent } from '../storage/index.ts'
import { type Attribute, bytes, type Item, number, text } from './attributes.ts'
import { positionOf } from './keys.ts'

/** What an imported event has of its own. */
export interface OwnPlace {
  /** Milliseconds since 1970. */
  readonly recordedAt: number
  /** Its index in the slot. */
  readonly index: number
}

/** Attributes of the first item, and of those that the body goes on in: `e` the body, `z` how it is compressed. */
export interface EncodedBody {
  readonly parts: readonly Item[]
  readonly size: number
}

// Below it, nothing is saved: DynamoDB counts whole kilobytes.
const leastToCompress = 1_000
// An item may have 400 KB with all of its attributes.
export const mostBytesOfPart = 390_000
const fastest = 1

export function encodeBody(
  events: readonly PreparedEvent[],
  compress: boolean,
  places?: readonly OwnPlace[],
): EncodedBody {
  const tuples = events.map(({ id, type, data, metadata, tags }, index) => {
    const place = places?.[index]
    const own = place === undefined ? '' : `,${place.recordedAt},${place.index}`
    return `[${JSON.stringify(id)},${JSON.stringify(type)},${data},${metadata},${JSON.stringify(tags)}${own}]`
  })
  return encodeText(`[${tuples.join(',')}]`, compress)
}

/** Any text, in the same way. */
export function encodeText(whole: string, compress: boolean): EncodedBody {
  const size = Buffer.byteLength(whole)
  if (compress && size > leastToCompress) {
    const compressed = deflateRawSync(whole, { level: fastest })
    if (compressed.length < size) return partsOf(compressed, 1)
  }
  if (size <= mostBytesOfPart) return { parts: [{ e: text(whole) }], size }
  return partsOf(Buffer.from(whole), 0)
}

function partsOf(whole: Buffer, compression: 0 | 1): EncodedBody {
  const parts: Record<string, Attribute>[] = []
  for (let from = 0; from < whole.length; from += mostBytesOfPart) {
    parts.push({ e: bytes(whole.subarray(from, from + mostBytesOfPart)) })
  }
  if (compression === 1) parts[0] = { ...parts[0], z: number(1) }
  return { parts, size: whole.length }
}

/** The text of a body that is in one item, or goes on in others. */
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

/** Where a commit is. */
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
