/** What the processes of a schedule have done and seen. The checks compare it with the log as it is stored at the end. */

import type { StreamSlice } from '../../../src/reads.ts'
import type { LogPage, LogQuery } from '../../../src/storage/log-query.ts'
import type { StoredDocument } from '../../../src/storage/projections.ts'
import type { AppendOutcome, PreparedAppend, PreparedImport } from '../../../src/storage/storage.ts'

/** When a call began and ended, in virtual milliseconds. */
interface Span {
  readonly begunAt: number
  readonly endedAt: number
}

/** One call of `append`. Without outcomes, nobody knows whether its events are recorded. */
export interface Attempt {
  readonly begunAt: number
  endedAt?: number
  outcomes?: readonly AppendOutcome[]
}

/** Events that a caller wants to append, once. It repeats a call whose outcome is unknown if the events have its own ids. */
export interface Intent {
  readonly appends: readonly PreparedAppend[]
  /** The ids of its events belong to another intent, in another stream: nothing may be recorded. */
  readonly isTheft: boolean
  readonly attempts: Attempt[]
}

/** A batch of events from another system. It is imported again until the outcome is known. */
export interface Batch {
  readonly events: readonly PreparedImport[]
  /** Whether all its events are recorded: an import was acknowledged. */
  isDone: boolean
}

export interface PageSeen extends Span {
  readonly query: LogQuery
  readonly page: LogPage
}

export interface DocumentSeen extends Span {
  readonly key: string
  readonly document: StoredDocument | undefined
}

/** The whole life of a reader that follows the log. */
export interface Followed {
  readonly query: LogQuery
  readonly ids: readonly string[]
}

export class History {
  readonly intents: Intent[] = []
  readonly batches: Batch[] = []
  readonly pages: PageSeen[] = []
  readonly followed: Followed[] = []
  readonly slices: (Span & { readonly slice: StreamSlice })[] = []
  readonly lastPositions: (Span & { readonly position: number })[] = []
  readonly positionsBefore: (Span & { readonly time: Date; readonly position: number })[] = []
  readonly lists: (Span & { readonly streamIds: readonly string[] })[] = []
  readonly documents: DocumentSeen[] = []
  /** Positions of events that a process has seen. */
  readonly knownPositions: number[] = [0]
  /** The times of events that a process has recorded. */
  readonly knownTimes: Date[] = []
}
