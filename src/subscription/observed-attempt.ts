/** One attempt of a handler as the observer of the store sees it. */
import type { RecordedEvent } from '../event.ts'
import { copyOfEvent } from '../log/event-copy.ts'
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
  // Copies: an observer may remove personal data from the events that it exports, and the handler must still see it.
  const events = observation.around === undefined ? attempt.events : attempt.events.map(copyOfEvent)
  const seen = { ...attempt, events }
  const operation: Operation =
    definition.kind === 'projection'
      ? { name: 'project', projection: name, ...seen }
      : { name: 'handle', subscription: name, ...seen }
  // The handler may empty the list that it gets.
  const handled = attempt.events.length
  return observation.run(operation, handle, (ended, duration) => ({
    kind: 'handle',
    subscription: name,
    events: handled,
    attempt: attempt.attempt,
    duration,
    outcome: 'result' in ended ? 'handled' : 'failed',
  }))
}
