/** What a program says that a subscription is, and what is stored of it. */
import type { EventFilter } from '../input/event-filter.ts'
import type { Projection } from '../projection/projection.ts'
import type { SubscriptionDefinition } from '../storage/registry.ts'

type StoredFilter = Pick<SubscriptionDefinition, 'types' | 'streamPrefix' | 'tags'>

/** Two filters select the same events if these are equal: the order of types and tags does not matter. */
export function sortedFilter({ types, streamPrefix, tags }: EventFilter): StoredFilter {
  const sorted = (names: readonly string[] | undefined) => names && [...new Set(names)].sort()
  return {
    types: sorted(types),
    streamPrefix,
    tags: sorted(tags),
  }
}

/** The subscription of an async projection. */
export function projectionDefinition({ version, events, streamPrefix }: Projection): SubscriptionDefinition {
  const filter = sortedFilter({ types: events, streamPrefix })
  return { kind: 'projection', version, partitions: 1, transactional: true, ...filter }
}

/**
 * Returns how a program's definition differs from the stored one, as one text for each differing property. `partitions`:
 * the number that the subscription has now. Once an operator has set another number than the program's first one, the
 * program's number does not count.
 */
export function differencesOf(
  given: SubscriptionDefinition,
  stored: SubscriptionDefinition,
  partitions: number,
): readonly { readonly stored: string; readonly given: string }[] {
  const isSetByOperator = partitions !== stored.partitions
  const compared = isSetByOperator ? { ...given, partitions: stored.partitions } : given
  const own = describe(compared)
  return describe(stored)
    .map((text, index) => ({ stored: text, given: own[index] as string }))
    .filter((texts) => texts.stored !== texts.given)
}

/** The properties that the same version must not change, each in words. */
function describe({
  partitions,
  transactional,
  types,
  streamPrefix,
  tags,
}: SubscriptionDefinition): readonly string[] {
  return [
    types === undefined ? 'all types' : `types ${JSON.stringify(types)}`,
    streamPrefix === undefined ? 'no streamPrefix' : `streamPrefix ${JSON.stringify(streamPrefix)}`,
    tags === undefined ? 'no tags' : `tags ${JSON.stringify(tags)}`,
    `${partitions} partition${partitions === 1 ? '' : 's'}`,
    `transactional ${transactional}`,
  ]
}
