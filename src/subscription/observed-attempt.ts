/** One attempt of a handler as the observer of the store sees it. */
import type { RecordedEvent } from '../event.ts'
import type { Observation } from '../observe/observation.ts'
import type { Operation } from '../observe/operation.ts'
import type { Plan } from './plan.ts'

interface Attempt {
  readonly partition: number
  /** As they are stored. */
  readonly events: readonly RecordedEvent[]
  /** 1 for the first attempt. */
  readonly attempt: number
}

export function observeAttempt(
  observation: Observation,
  { name, definition }: Plan,
  attempt: Attempt,
  handle: () => Promise<void>,
): Promise<void> {
  const operation: Operation =
    definition.kind === 'projection'
      ? { name: 'project', projection: name, ...attempt }
      : { name: 'handle', subscription: name, ...attempt }
  // The handler may empty the list that it gets.
  const events = attempt.events.length
  return observation.run(operation, handle, (ended, duration) => ({
    kind: 'handle',
    subscription: name,
    events,
    attempt: attempt.attempt,
    duration,
    outcome: 'result' in ended ? 'handled' : 'failed',
  }))
}
