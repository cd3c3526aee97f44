/** Which runs of slots may hold events that a query of the log wants. */
import { isInPartition, type LogQuery, type RecordedEvent } from '../storage/index.ts'
import { positionOf } from './keys.ts'
import { isLost, type Run, type Slot } from './slots.ts'

/** Events of a slot that may be wanted: which are known only when they are read. */
export interface Candidate {
  readonly slot: Slot
  readonly run: Run
  /** The index of its first event in the slot. */
  readonly index: number
}

/** The runs in which there may be something wanted, in the order of the log. */
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
    let index = 0
    for (const run of slot.runs) {
      const first = positionOf(slot.number, index)
      const isWithin = first <= until && first + run.count - 1 > after
      const isMeant =
        !isLost(run) &&
        (streamPrefix === undefined || run.streamId.startsWith(streamPrefix)) &&
        (types === undefined || run.types.some((type) => types.includes(type))) &&
        (partition === undefined || isInPartition(run.streamId, partition))
      if (isWithin && isMeant) candidates.push({ slot, run, index })
      index += run.count
    }
  }
  return candidates
}

/** Whether an event of a candidate is wanted. */
export function isWanted({ after, until, types, tags }: LogQuery): (event: RecordedEvent) => boolean {
  return (event) =>
    event.position > after &&
    event.position <= until &&
    (types === undefined || types.includes(event.type)) &&
    (tags === undefined || tags.every((tag) => event.tags.includes(tag)))
}
