/** Entity tags and conditional requests (RFC 9110, sections 8.8.3 and 13): the tag of a stream is its version. */
import type { ExpectedVersion } from '../expected-version.ts'
import { refuse } from '../input/refusal.ts'

/** Returns the entity tag of a version, such as `"7"`. */
export function entityTag(version: number): string {
  return `"${version}"`
}

/**
 * Returns true if the client of a GET or HEAD request already has what this entity tag names. Compares weakly, as the RFC demands: a
 * proxy that compresses answers turns `"7"` into `W/"7"`.
 */
export function isNotModified(request: Request, present: string): boolean {
  if (request.method !== 'GET' && request.method !== 'HEAD') return false
  const tags = request.headers.get('if-none-match')?.trim()
  if (tags === undefined) return false
  const opaque = present.replace(/^W\//, '')
  return tags === '*' || [...tags.matchAll(/"[^"]*"/g)].some(([tag]) => tag === opaque)
}

/**
 * Returns the state in which a request expects a stream; `undefined` if it has no condition.
 * @throws InvalidInputError if a condition has another form than `"7"` or `*`
 */
export function expectedVersionOf(request: Request): ExpectedVersion | undefined {
  const match = request.headers.get('if-match')?.trim()
  const noneMatch = request.headers.get('if-none-match')?.trim()
  if (match === undefined) return noneMatch === undefined ? undefined : expectedAbsence(noneMatch)
  if (noneMatch !== undefined) {
    refuse(
      'If-None-Match',
      'must not be sent together with If-Match: the two contradict each other',
      noneMatch,
    )
  }
  if (match === '*') return 'streamExists'
  const [, digits] = /^"(0|[1-9]\d{0,15})"$/.exec(match) ?? []
  const version = Number(digits)
  // NaN, if the header has another form.
  if (!Number.isSafeInteger(version)) refuse('If-Match', problemOf(match), match)
  return version
}

function expectedAbsence(noneMatch: string): ExpectedVersion {
  if (noneMatch === '*') return 'noStream'
  refuse('If-None-Match', 'must be * in a request that changes something', noneMatch)
}

function problemOf(match: string): string {
  if (match.startsWith('W/')) {
    return 'must be a strong entity tag such as "7", and this one is weak (W/): probably a proxy that compresses answers has weakened it. Switch that off, or send the tag without W/'
  }
  if (match.includes(',')) return 'must be one entity tag such as "7", and not a list'
  return 'must be the ETag of the resource, a version in double quotes such as "7", or *'
}
