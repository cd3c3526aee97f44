/** Compares a program's definition of a subscription with the stored one. */
import { selectsWholeCatalogue } from '../catalogue/required-events.ts'
import type { EventFilter } from '../input/event-filter.ts'
import type { Projection } from '../projection/projection.ts'
import type { SubscriptionDefinition } from '../storage/registry.ts'

type StoredFilter = Pick<SubscriptionDefinition, 'types' | 'streamPrefix' | 'tags'>

/** Returns a form of the filter in which the order of types and tags, and repeated ones, make no difference. */
export function sortedFilter({ types, streamPrefix, tags }: EventFilter): StoredFilter {
  const sorted = (names: readonly string[] | undefined) => names && [...new Set(names)].sort()
  return {
    types: sorted(types),
    streamPrefix,
    tags: sorted(tags),
  }
}

/**
 * Returns the definition of the subscription of an async projection. A whole catalogue counts as all types, so that a new
 * event in it is no change of the definition.
 */
export function projectionDefinition(projection: Projection): SubscriptionDefinition {
  const { version, events, streamPrefix } = projection
  const types = selectsWholeCatalogue(projection, events) ? undefined : events
  const filter = sortedFilter({ types, streamPrefix })
  return { kind: 'projection', version, partitions: 1, transactional: true, ...filter }
}

/**
 * Returns how a program's definition differs from the stored one, as one text for each differing property. `partitions`:
 * the present number of the subscription. Once an operator has set another number than the stored definition has, the
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

/** Returns one text for each property that may not change without a higher version. */
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
