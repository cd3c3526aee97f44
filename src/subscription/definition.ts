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
 * Whether a program says what is stored. `partitions`: the number that the subscription has now. Once an operator has set
 * another number than the program's first one, the program's number does not count.
 */
export function isSameDefinition(
  given: SubscriptionDefinition,
  stored: SubscriptionDefinition,
  partitions: number,
): boolean {
  const isSetByOperator = partitions !== stored.partitions
  const compared = isSetByOperator ? { ...given, partitions: stored.partitions } : given
  return describeDefinition(compared) === describeDefinition(stored)
}

/** A definition in one line, for messages. */
export function describeDefinition(definition: SubscriptionDefinition): string {
  const { kind, version, partitions, transactional, types, streamPrefix, tags } = definition
  const list = (names: readonly string[] | undefined) => names && JSON.stringify(names)
  const parts = [
    `${kind}, version ${version}`,
    `${partitions} partition${partitions === 1 ? '' : 's'}`,
    transactional ? 'transactional' : 'not transactional',
    `types ${list(types) ?? 'all'}`,
    ...(streamPrefix === undefined ? [] : [`streamPrefix ${JSON.stringify(streamPrefix)}`]),
    ...(tags === undefined ? [] : [`tags ${list(tags)}`]),
  ]
  return parts.join(', ')
}
