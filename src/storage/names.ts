/** The order of names: by Unicode code point, as databases sort UTF-8 bytes. */

/**
 * Compares two names by Unicode code point, for `sort`. JavaScript's own comparison is by UTF-16 unit, which sorts
 * U+E000 to U+FFFF after the characters beyond U+FFFF.
 */
export function compareNames(a: string, b: string): number {
  const length = Math.min(a.length, b.length)
  for (let index = 0; index < length; index++) {
    const x = a.charCodeAt(index)
    const y = b.charCodeAt(index)
    if (x !== y) return rank(x) - rank(y)
  }
  return a.length - b.length
}

/** Sorts surrogates after all other units, since they encode the highest code points. */
function rank(unit: number): number {
  if (unit < 0xd800) return unit
  return unit < 0xe000 ? unit + 0x2000 : unit - 0x800
}
