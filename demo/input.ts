/** The input of the demo's second part: a log from another system, one event after the other. */
import type { EventDefinitions, ImportedEvent } from '@eventsourced/core'

export interface Input {
  /** The heading that names the input. */
  readonly title: string
  /** One line that says what its streams and events are. */
  readonly subtitle: string
  /** The database schema for this input, so that two inputs do not mix. */
  readonly schema: string
  /** How its events are read; undefined if nothing is known about them. */
  readonly catalogue: EventDefinitions | undefined
  events(): AsyncIterable<ImportedEvent>
  /** Returns the share that was read so far, from 0 to 1. */
  progress(): number
  /** Returns the place of the event that was just read, such as `log.jsonl, line 7`, for an error message. */
  place(): string
  /** Returns remarks about the whole input, after it was read. */
  remarks(): readonly string[]
}

/** An error for the person at the terminal: the demo prints its message without a stack. */
export class InputError extends Error {}
