/** The expected version of a stream, and the check that a stream meets it. Every store uses this definition. */

/**
 * The state in which a caller expects a stream: its exact version (0: no events), that it does not exist (`noStream`),
 * that it exists (`streamExists`, also while it has no events), or any state (`any`).
 */
export type ExpectedVersion = number | 'any' | 'noStream' | 'streamExists'

/** Returns true if a stream with this existence and version meets the expectation. */
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
