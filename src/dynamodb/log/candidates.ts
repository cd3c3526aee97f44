/** Selects the runs of slots that may hold events that a query of the log wants. */
import { isInPartition, type LogQuery, type RecordedEvent } from '../../storage/index.ts'
import { isLost, type Run, type Slot } from './slot-item.ts'

/** A run that may contain wanted events. Which of them are wanted is known only when they are read. */
export interface Candidate {
  readonly slot: Slot
  readonly run: Run
  /** The position of its first event. */
  readonly first: number
}

/** Returns the runs that may contain wanted events, in the order of the log. */
export function candidatesOf(
  slots: readonly Slot[],
  {
    after,
    until,
    types,
    streamPrefix,
    partition,
  }: Pick<LogQuery, 'after' | 'until' | 'types' | 'streamPrefix' | 'partition'>,
): Candidate[] {
  const candidates: Candidate[] = []
  for (const slot of slots) {
    let first = slot.first
    for (const run of slot.runs) {
      const isInRange = first <= until && first + run.count - 1 > after
      const mayMatch =
        !isLost(run) &&
        (streamPrefix === undefined || run.streamId.startsWith(streamPrefix)) &&
        (types === undefined || run.types.some((type) => types.includes(type))) &&
        (partition === undefined || isInPartition(run.streamId, partition))
      if (isInRange && mayMatch) candidates.push({ slot, run, first })
      first += run.count
    }
  }
  return candidates
}

/** Returns the test whether an event of a candidate is wanted. */
export function isWanted({ after, until, types, tags }: LogQuery): (event: RecordedEvent) => boolean {
  return (event) =>
    event.position > after &&
    event.position <= until &&
    (types === undefined || types.includes(event.type)) &&
    (tags === undefined || tags.every((tag) => event.tags.includes(tag)))
}
