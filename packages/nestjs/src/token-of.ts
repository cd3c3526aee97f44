/** Injection tokens for objects that have no name, such as deciders. */

const tokens = new WeakMap<object, Map<string, symbol>>()

/** Returns one token for each pair of an object and a purpose. */
export function tokenOf(object: object, purpose: string): symbol {
  const own = tokens.get(object) ?? new Map<string, symbol>()
  tokens.set(object, own)
  const token = own.get(purpose) ?? Symbol(purpose)
  own.set(purpose, token)
  return token
}
