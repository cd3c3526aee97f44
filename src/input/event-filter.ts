/** The filter by which a reader or a subscription selects events of the log. */
import { checkedNames, checkReadName } from './checks.ts'

/** Selects events of the log. An event must match every given property. `Type`: the types that it may name. */
export interface EventFilter<Type extends string = string> {
  /** Only events of these types. @default all */
  readonly types?: readonly Type[] | undefined
  /** Only events of streams whose id begins with this text. @default all */
  readonly streamPrefix?: string | undefined
  /** Only events that carry all of these tags. @default all */
  readonly tags?: readonly string[] | undefined
}

/** Checks a filter and copies it, because the caller's arrays may change later. */
export function checkedFilter({ types, streamPrefix, tags }: EventFilter): Required<EventFilter> {
  if (streamPrefix !== undefined) checkReadName(streamPrefix, 'streamPrefix')
  const problem = (what: string) => `must name at least one ${what}; leave it out for all`
  return {
    types: types === undefined ? undefined : checkedNames(types, 'types', problem('event type')),
    streamPrefix,
    tags: tags === undefined ? undefined : checkedNames(tags, 'tags', problem('tag')),
  }
}
