/** Which events got their id from the library, so that no other caller can know it. */
const namedByLibrary = new WeakSet<object>()

export function markNamedByLibrary(event: object): void {
  namedByLibrary.add(event)
}

export function isNamedByLibrary(event: object): boolean {
  return namedByLibrary.has(event)
}
