/** Compares two JSON values, and lists the places at which they differ. */

/** One place at which two values differ. */
interface Change {
  /** A JSON pointer (RFC 6901): `/items/0/price`; an empty text for the whole value. */
  readonly path: string
  /** What an array lost has the index that it had before; what it gained has the index that it has after. */
  readonly kind: 'added' | 'removed' | 'changed'
  /** Absent if it is `added`. */
  readonly before?: unknown
  /** Absent if it is `removed`. */
  readonly after?: unknown
}

export interface Differences {
  readonly changes: readonly Change[]
  /** There are more changes than `most`. */
  readonly isCut: boolean
}

/**
 * Returns the changes that make `after` of `before`, at most `most`. A property whose value is `undefined` counts as absent.
 * In arrays, equal items at both ends are left out, so that an insertion is one change.
 */
export function differences(before: unknown, after: unknown, most = 500): Differences {
  const changes: Change[] = []
  for (const change of changesAt('', before, after)) {
    if (changes.length === most) return { changes, isCut: true }
    changes.push(change)
  }
  return { changes, isCut: false }
}

function* changesAt(path: string, before: unknown, after: unknown): Generator<Change, void, undefined> {
  if (Object.is(before, after)) return
  if (before === undefined) return yield { path, kind: 'added', after }
  if (after === undefined) return yield { path, kind: 'removed', before }
  if (Array.isArray(before) && Array.isArray(after)) return yield* changesOfItems(path, before, after)
  if (!isRecord(before) || !isRecord(after)) return yield { path, kind: 'changed', before, after }
  for (const key of new Set([...Object.keys(before), ...Object.keys(after)])) {
    yield* changesAt(`${path}/${escaped(key)}`, ownMember(before, key), ownMember(after, key))
  }
}

function* changesOfItems(
  path: string,
  before: readonly unknown[],
  after: readonly unknown[],
): Generator<Change, void, undefined> {
  const shorter = Math.min(before.length, after.length)
  let start = 0
  while (start < shorter && isSame(before[start], after[start])) start++
  let same = 0
  while (same < shorter - start && isSame(before.at(-1 - same), after.at(-1 - same))) same++
  const [endBefore, endAfter] = [before.length - same, after.length - same]
  for (let index = start; index < Math.max(endBefore, endAfter); index++) {
    const place = `${path}/${index}`
    if (index >= endBefore) yield { path: place, kind: 'added', after: after[index] ?? null }
    else if (index >= endAfter) yield { path: place, kind: 'removed', before: before[index] ?? null }
    else yield* changesAt(place, before[index] ?? null, after[index] ?? null)
  }
}

function isSame(one: unknown, other: unknown): boolean {
  return changesAt('', one ?? null, other ?? null).next().done === true
}

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** An object inherits properties such as `constructor`, and they are no members of its JSON. */
const ownMember = (value: Readonly<Record<string, unknown>>, key: string): unknown =>
  Object.hasOwn(value, key) ? value[key] : undefined

const escaped = (key: string): string => key.replaceAll('~', '~0').replaceAll('/', '~1')
