/** Selects events in memory as a storage does, and compares filters. */
import type { RecordedEvent } from '../event.ts'
import type { EventFilter } from '../input/event-filter.ts'
import type { Partition } from '../storage/log-query.ts'
import type { StreamHashes } from './stream-hashes.ts'

/** Returns true if `wide` selects every event that `narrow` selects. */
export function covers(wide: EventFilter, narrow: EventFilter): boolean {
  return (
    (wide.types === undefined || narrow.types?.every((type) => wide.types?.includes(type)) === true) &&
    (wide.streamPrefix === undefined || narrow.streamPrefix?.startsWith(wide.streamPrefix) === true) &&
    (wide.tags === undefined || wide.tags.every((tag) => narrow.tags?.includes(tag)))
  )
}

/**
 * Returns a filter that selects every event that one of the filters selects. It has types if all filters have types, and
 * it has a prefix or tags if all filters have the same.
 */
export function unionOf(filters: readonly EventFilter[]): Required<EventFilter> {
  const [first = {}] = filters
  const isShared = (name: 'streamPrefix' | 'tags') => {
    const own = JSON.stringify(first[name])
    return filters.every((filter) => JSON.stringify(filter[name]) === own)
  }
  const types = new Set<string>()
  for (const filter of filters) for (const type of filter.types ?? []) types.add(type)
  return {
    types: filters.every((filter) => filter.types !== undefined) ? [...types] : undefined,
    streamPrefix: isShared('streamPrefix') ? first.streamPrefix : undefined,
    tags: isShared('tags') ? first.tags : undefined,
  }
}

/** Returns a function that says whether the filter selects an event and the event is in the partition. */
export function selects(
  { types, streamPrefix, tags }: EventFilter,
  partition: Partition | undefined,
  hashes: StreamHashes,
): (event: RecordedEvent) => boolean {
  const wanted = types && new Set(types)
  return (event) =>
    (wanted === undefined || wanted.has(event.type)) &&
    (streamPrefix === undefined || event.streamId.startsWith(streamPrefix)) &&
    (tags === undefined || tags.every((tag) => event.tags.includes(tag))) &&
    (partition === undefined || hashes.partitionOf(event.streamId, partition.count) === partition.index)
}
