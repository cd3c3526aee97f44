/** Finds out which upcasts of a catalogue some stored events need. */
import type { UpcastName } from './check-result.ts'
import { isParts, type KnownEvents } from './known-events.ts'

/** A stored type, and the version of its data. */
interface StoredVersion {
  readonly type: string
  readonly schemaVersion: number
}

/** Returns the upcasts that no event with one of these types and versions needs, in order of their names. */
export function unusedUpcasts(known: KnownEvents, stored: Iterable<StoredVersion>): readonly UpcastName[] {
  const unused = new Map(upcastNames(known).map((name) => [textOf(name), name]))
  for (const one of stored) for (const name of neededBy(known, one)) unused.delete(textOf(name))
  return [...unused.values()].sort((a, b) =>
    a.type === b.type ? (a.schemaVersion ?? 0) - (b.schemaVersion ?? 0) : a.type < b.type ? -1 : 1,
  )
}

/** Returns the types and versions that the catalogue still writes for older processes. */
export function writtenForms(known: KnownEvents): readonly StoredVersion[] {
  return [...known.events.values()].flatMap(({ writeAs }) =>
    writeAs === undefined ? [] : [{ type: writeAs.type, schemaVersion: writeAs.version }],
  )
}

const textOf = ({ type, schemaVersion = 0 }: UpcastName): string => `${schemaVersion} ${type}`

function upcastNames(known: KnownEvents): readonly UpcastName[] {
  return [...known.routes].flatMap(([type, route]): readonly UpcastName[] =>
    isParts(route) || route.type !== type
      ? [{ type }]
      : [...route.steps.keys()].map((schemaVersion) => ({ type, schemaVersion })),
  )
}

/** Follows the way of an event from its stored form to today's. */
function neededBy(known: KnownEvents, { type, schemaVersion }: StoredVersion): readonly UpcastName[] {
  const route = known.routes.get(type)
  if (route === undefined) return []
  if (isParts(route)) return [{ type }]
  const needed: UpcastName[] = route.type === type ? [] : [{ type }]
  for (let version = schemaVersion; version < route.version; version++) {
    const step = route.steps.get(version)
    if (step === undefined) break
    needed.push({ type: route.type, schemaVersion: version })
    if (isParts(step)) break
  }
  return needed
}
