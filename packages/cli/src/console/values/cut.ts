/** Cuts large values in lists, so that a page of a list stays small. A single read shows them whole. */
import type { Json } from '../../json-of.ts'

const mostBytes = 4_096
const shownCharacters = 2_000

/** A value as a list shows it. */
export interface Cut<Value> {
  readonly value: Value
  readonly isCut: boolean
}

/** Returns a value whose JSON is larger than 4 kB as the first 2,000 characters of that JSON. */
export function cut(value: Json): Cut<Json> {
  const beginning = beginningOf(value)
  return beginning === undefined ? { value, isCut: false } : { value: beginning, isCut: true }
}

/** As `cut`, but the result stays an object: the beginning is its `$beginning`. */
export function cutRecord(value: Record<string, unknown>): Cut<Record<string, unknown>> {
  const beginning = beginningOf(value)
  return beginning === undefined ? { value, isCut: false } : { value: { $beginning: beginning }, isCut: true }
}

function beginningOf(value: unknown): string | undefined {
  const text = JSON.stringify(value)
  const isSmall = text.length * 3 <= mostBytes || Buffer.byteLength(text) <= mostBytes
  return isSmall ? undefined : text.slice(0, shownCharacters)
}
