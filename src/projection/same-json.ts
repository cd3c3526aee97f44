/** Comparing JSON texts by what they say. */
import { isDeepStrictEqual } from 'node:util'

/** Whether two texts are of the same value; undefined: there is none. */
export function isSameJson(a: string | undefined, b: string | undefined): boolean {
  if (a === undefined || b === undefined) return a === b
  return a === b || isDeepStrictEqual(JSON.parse(a), JSON.parse(b))
}
