/** When an expectation about a stream is met: the one definition for every store. */
import type { ExpectedVersion } from './store.ts'

/** True if a stream that exists or not, at this version, is as expected. */
export function isExpected(expected: ExpectedVersion, exists: boolean, version: number): boolean {
  switch (expected) {
    case 'any':
      return true
    case 'noStream':
      return !exists
    case 'streamExists':
      return exists
    default:
      return version === expected
  }
}
