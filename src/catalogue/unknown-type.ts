/** Explains to a programmer why a type is no event of the catalogue. */
import { refuse } from '../input/refusal.ts'
import { isParts, type KnownEvents } from './known-events.ts'
import { nearestName } from './nearest-name.ts'

/** Returns why the type is no event of today, and which type the programmer probably means. */
export function unknownTypeProblem(known: KnownEvents, type: string): string {
  const route = known.routes.get(type)
  if (route !== undefined) {
    const today = isParts(route) ? [...route.keys()] : [route.type]
    if (today.length === 0) return `'${type}' is not read any more: the catalogue drops it`
    return `'${type}' is an old name: use ${today.map((name) => `'${name}'`).join(' or ')}`
  }
  const nearest = nearestName(String(type), known.events.keys())
  return `'${type}' is not in the catalogue${nearest === undefined ? '' : `; did you mean '${nearest}'?`}`
}

/**
 * Checks the types of a filter or of `pick`. With an old name, a filter would select events that have another name today,
 * or none.
 * @throws InvalidInputError if a type is no event of the catalogue
 */
export function checkTypes(
  known: KnownEvents | undefined,
  types: readonly string[] | undefined,
  field: string,
): void {
  if (known === undefined || known.isOpen) return
  for (const [index, type] of types?.entries() ?? []) {
    if (known.events.has(type)) continue
    refuse(
      `${field}[${index}]`,
      `must be an event of the catalogue: ${unknownTypeProblem(known, type)}`,
      type,
    )
  }
}
