/** Compares JSON texts by the values that they stand for. */
import { isDeepStrictEqual } from 'node:util'

/** Whether two JSON texts have the same value, in any order of properties. `undefined` means no document. */
export function isSameJson(a: string | undefined, b: string | undefined): boolean {
  if (a === undefined || b === undefined) return a === b
  return a === b || isDeepStrictEqual(JSON.parse(a), JSON.parse(b))
}
