/** Copies states that can be copied exactly. An `evolve` that changes its state must not reach a state that is kept. */

/**
 * Returns a copy that shares no object with the state; undefined if a copy would not be the same, as with an object of a
 * class or a function.
 */
export function plainCopy(state: unknown): { readonly state: unknown } | undefined {
  try {
    return isPlain(state, new Set()) ? { state: structuredClone(state) } : undefined
  } catch {
    // A proxy may throw, and a state may be nested deeper than the call stack.
    return undefined
  }
}

function isPlain(value: unknown, seen: Set<object>): boolean {
  if (typeof value === 'function' || typeof value === 'symbol') return false
  if (typeof value !== 'object' || value === null || seen.has(value)) return true
  seen.add(value)
  const prototype: unknown = Object.getPrototypeOf(value)
  if (prototype === Date.prototype) return true
  if (prototype === Map.prototype || prototype === Set.prototype) {
    for (const [key, member] of (value as Map<unknown, unknown>).entries()) {
      if (!isPlain(key, seen) || !isPlain(member, seen)) return false
    }
    return true
  }
  if (prototype !== Object.prototype && prototype !== Array.prototype) return false
  const properties = Object.getOwnPropertyDescriptors(value) as Record<string, PropertyDescriptor>
  return Reflect.ownKeys(properties).every((key) => {
    const { get, set, value: member } = properties[key as string] as PropertyDescriptor
    return typeof key === 'string' && get === undefined && set === undefined && isPlain(member, seen)
  })
}
