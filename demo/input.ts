/** What the second part of the demo reads: a log from somewhere else, one event after the other. */
import type { ImportedEvent } from '@eventsourced/core'

export interface Input {
  /** What is read, as a heading. */
  readonly title: string
  /** One line on what its streams and events are. */
  readonly subtitle: string
  /** The schema it is kept in, so that two inputs do not mix. */
  readonly schema: string
  events(): AsyncIterable<ImportedEvent>
  /** How much was read so far, from 0 to 1. */
  progress(): number
  /** Where the reading is, to be put before a complaint about the event that was just read. */
  place(): string
  /** What there is to say about the input after it was read. */
  remarks(): readonly string[]
}

/** A complaint that is meant for the person at the terminal: one line, no stack. */
export class InputError extends Error {}
