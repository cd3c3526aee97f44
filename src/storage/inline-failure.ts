/** The error by which a storage reports that an inline projection threw. */

/**
 * Wraps the error of an inline projection. The store does not retry, and throws `cause` to the caller of the append.
 */
export class InlineFailure extends Error {
  constructor(thrown: unknown) {
    super('an inline projection threw', { cause: thrown })
  }
}
