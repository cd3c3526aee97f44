/** Marks events whose id the library chose for this call. No other caller can know such an id. */
const namedByLibrary = new WeakSet<object>()

export function markNamedByLibrary(event: object): void {
  namedByLibrary.add(event)
}

export function isNamedByLibrary(event: object): boolean {
  return namedByLibrary.has(event)
}
