/** UUIDs by RFC 9562: ordered by time (version 7), or derived from a name (version 5, or 8 for numbered things). */
import { createHash } from 'node:crypto'
import { refuse } from './input/refusal.ts'

const hex = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'))
const pattern = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i

/** Returns true for the text of a UUID of any version, in upper or lower case. */
export function isUuid(value: unknown): value is string {
  return typeof value === 'string' && pattern.test(value)
}

// Draws random bytes for 512 ids at once: one system call costs more than the rest of an id.
const pool = new Uint8Array(512 * 10)
let poolAt = pool.length
let lastMillisecond = 0
let counter = 0

/**
 * Returns a new UUID of version 7 that sorts after every one that this process made before, even if the clock steps
 * back (RFC 9562, section 6.2, method 1: a 12-bit counter).
 */
export function uuidv7(): string {
  if (poolAt === pool.length) {
    crypto.getRandomValues(pool)
    poolAt = 0
  }
  const random = pool.subarray(poolAt, poolAt + 10)
  poolAt += 10
  const now = Date.now()
  if (now > lastMillisecond) {
    lastMillisecond = now
    counter = (((random[8] as number) << 8) | (random[9] as number)) & 0x7ff
  } else if (++counter > 0xfff) {
    lastMillisecond++
    counter = 0
  }
  const high = Math.floor(lastMillisecond / 0x10000)
  const low = lastMillisecond & 0xffff
  const h = (byte: number) => hex[byte & 0xff] as string
  const r = (index: number) => hex[random[index] as number] as string
  return (
    `${h(high >>> 24)}${h(high >>> 16)}${h(high >>> 8)}${h(high)}-${h(low >>> 8)}${h(low)}` +
    `-${h(0x70 | (counter >>> 8))}${h(counter)}-${h(0x80 | ((random[0] as number) & 0x3f))}${r(1)}` +
    `-${r(2)}${r(3)}${r(4)}${r(5)}${r(6)}${r(7)}`
  )
}

/** Returns when a UUID of version 7 was made (RFC 9562, 5.7), in Unix milliseconds; undefined for other versions. */
export function timeOfUuid(id: string): number | undefined {
  return id[14] === '7' ? Number.parseInt(id.slice(0, 8) + id.slice(9, 13), 16) : undefined
}

// The namespace of every name that this library hashes: a random UUID. It must never change.
const namespace = Buffer.from('7d0a4a3e5c1f4c5b9a5e0c6a2f8b1d43', 'hex')

/**
 * Returns a UUID of version 5 that is derived from `parts`: the same parts always have the same id, and other parts
 * another one.
 * @throws InvalidInputError if a part is neither a string nor a finite number
 */
export function uuidOf(...parts: readonly (string | number)[]): string {
  for (const [index, part] of parts.entries()) {
    if (typeof part === 'string' || Number.isFinite(part)) continue
    refuse(`parts[${index}]`, 'must be a string or a finite number', part)
  }
  return hashed(parts, 5)
}

/**
 * Returns the id of the thing with this index (0, 1, 2 …) among the things that `parts` name together: a UUID of version
 * 8. The ids of 16 neighbours differ only in their last digit, so that a store can keep them in one place.
 */
export function numberedUuid(parts: readonly (string | number)[], index: number): string {
  const digit = index % 16
  return hashed([...parts, (index - digit) / 16], 8).slice(0, -1) + digit.toString(16)
}

function hashed(parts: readonly (string | number)[], version: 5 | 8): string {
  const bytes = createHash('sha1').update(namespace).update(JSON.stringify(parts)).digest()
  bytes[6] = ((bytes[6] as number) & 0x0f) | (version << 4)
  bytes[8] = ((bytes[8] as number) & 0x3f) | 0x80
  const text = bytes.toString('hex', 0, 16)
  return `${text.slice(0, 8)}-${text.slice(8, 12)}-${text.slice(12, 16)}-${text.slice(16, 20)}-${text.slice(20)}`
}
