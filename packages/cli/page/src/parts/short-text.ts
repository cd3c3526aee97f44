/** Sizes and short forms of values, as the page writes them. */
import { digits } from './number.ts'

const kilobyte = 1_024

/** The length of a text as a size: `812 B`, `4 kB`, `1.2 MB`. */
export function size(characters: number): string {
  if (characters < kilobyte) return `${characters} B`
  if (characters < kilobyte ** 2) return `${Math.round(characters / kilobyte)} kB`
  return `${(characters / kilobyte ** 2).toFixed(1)} MB`
}

/** A value in one line: `total: 12.5, lines: [3]`. A list of its members goes no deeper than one level. */
export function summary(value: unknown, longest = 120): string {
  const parts: string[] = []
  let length = 0
  const members: readonly (readonly [string, unknown])[] =
    typeof value === 'object' && value !== null && !Array.isArray(value)
      ? Object.entries(value)
      : [['', value]]
  for (const [name, member] of members) {
    const part = name === '' ? short(member, longest) : `${name}: ${short(member, longest)}`
    parts.push(part)
    length += part.length
    if (length > longest) break
  }
  const text = parts.join(', ')
  return text.length > longest ? `${text.slice(0, longest)}…` : text
}

/** A value in a few characters: a list as its length, an object as its keys. */
export function short(value: unknown, longest = 60): string {
  if (Array.isArray(value)) return value.length === 0 ? '[]' : `[${digits(value.length)}]`
  if (typeof value === 'object' && value !== null) {
    const keys = Object.keys(value)
    const names = keys.slice(0, 4).join(', ')
    return keys.length === 0 ? '{}' : `{ ${names}${keys.length > 4 ? ', …' : ''} }`
  }
  const text = typeof value === 'string' ? value.slice(0, longest + 1) : String(value)
  return text.length > longest ? `${text.slice(0, longest)}…` : text
}
