/** The codes of errors of the library, from any installed copy of it: a configuration file may load one of its own. */

/** Returns the code of the library's error; undefined for any other error. */
export function libraryCodeOf(error: unknown): string | undefined {
  if (!(error instanceof Error && 'code' in error && typeof error.code === 'string')) return undefined
  for (let kind = Object.getPrototypeOf(error); kind !== null; kind = Object.getPrototypeOf(kind)) {
    if (kind.constructor?.name === 'EventSourcedError') return error.code
  }
  return undefined
}
