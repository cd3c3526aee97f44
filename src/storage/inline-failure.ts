/** How a storage says that an inline projection threw. */

/** Wraps what an inline projection threw. The caller of the append gets `cause`, and the store does not retry. */
export class InlineFailure extends Error {
  constructor(thrown: unknown) {
    super('an inline projection threw', { cause: thrown })
  }
}
