/** A query of the log, and one page of its answer. */
import type { RecordedEvent } from '../event.ts'
import type { Direction } from '../store.ts'

export interface LogQuery {
  /** Exclusive. */
  readonly after: number
  /** Inclusive. */
  readonly until: number
  readonly types: readonly string[] | undefined
  readonly streamPrefix: string | undefined
  /** Events that carry all of them. */
  readonly tags: readonly string[] | undefined
  /** Only streams of this part, see `partitionOf`. */
  readonly partition: Partition | undefined
  readonly direction: Direction
  readonly limit: number
}

export interface Partition {
  /** 0-based. */
  readonly index: number
  readonly count: number
}

export interface LogPage {
  /** Perhaps decoded only when they are first looked at. */
  readonly events: readonly RecordedEvent[]
  /** Everything at or before this position is settled: no further event will ever appear there. */
  readonly frontier: number
  /** The last position that was given out when the page was read. @default the frontier */
  readonly head?: number
  /** Which server has answered, and since when it runs, if there may come another one that has lost the end of the log. */
  readonly server?: string
  /** True if the page was cut by its limit, so that more may follow at once. */
  readonly full: boolean
  /**
   * The position of an event that exists, up to which (inclusive) this page has answered the query. Not the
   * frontier: after a crash, a database may hand out again positions that were taken but never committed.
   */
  readonly through: number
}

/** All events, from the first one on. */
export const wholeLog: Omit<LogQuery, 'limit'> = {
  after: 0,
  until: Number.MAX_SAFE_INTEGER,
  types: undefined,
  streamPrefix: undefined,
  tags: undefined,
  partition: undefined,
  direction: 'forward',
}
