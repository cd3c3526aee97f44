/** A query of the log, and the page that answers it. */
import type { RecordedEvent } from '../event.ts'
import type { Direction } from '../reads.ts'

/** The events of the log to read, and their order. An event must match every condition that is not undefined. */
export interface LogQuery {
  /** Only events after this position (exclusive), in both directions. */
  readonly after: number
  /** Only events up to this position (inclusive), in both directions. */
  readonly until: number
  /** Only events of these types. */
  readonly types: readonly string[] | undefined
  /** Only events of streams whose id begins with this text. */
  readonly streamPrefix: string | undefined
  /** Only events that carry all of these tags. */
  readonly tags: readonly string[] | undefined
  /** Only events of streams in this partition. */
  readonly partition: Partition | undefined
  readonly direction: Direction
  /** The largest number of events on the page, at least 1. */
  readonly limit: number
  /**
   * Whether the page may lack the newest events, because the caller will soon read again. A storage whose consistent reads
   * cost more can then use cheaper ones. @default false: the page has all events that were recorded before the call
   */
  readonly mayLag?: boolean
}

/** One of several parts into which the streams are divided; `partitionOf` says which stream is in which part. */
export interface Partition {
  /** 0 to `count - 1`. */
  readonly index: number
  readonly count: number
}

/** The answer to a query of the log: its first events, and how far they reach. */
export interface LogPage {
  /** The events in the order of the query. May be a getter that decodes them on the first access. */
  readonly events: readonly RecordedEvent[]
  /**
   * The frontier (the log's high-water mark): no event can still appear after the query's `after` and at or before this
   * position. Readers end, or wait for new events, there. On a full page, positions between `through` and the frontier
   * may be unsettled: the next page must settle them before it passes them.
   */
  readonly frontier: number
  /**
   * The last position that the database has assigned, committed or not. A reader that wants to continue after a higher
   * one reads another log, or a log that has lost its end. @default the frontier
   */
  readonly head?: number
  /**
   * Identifies the server that answered, and when it started. Set by a storage whose server may be replaced by one that
   * lacks the end of the log, such as a promoted replica. When it changes, readers check that the log still contains
   * the last event that they returned. @default none
   */
  readonly server?: string
  /**
   * True if the page ended because of its limit, its size, or the number of positions that it searched, so that more events
   * may follow at once. A storage ends a page after a bounded number of positions, so that a filter that
   * few events match does not make it search the whole log in one request. Such a page may have no events.
   */
  readonly full: boolean
  /**
   * When the storage began to read, by the clock of the database, or of this process if the database has none. It is never
   * later than the state of the log that the page shows: an event that the page lacks, and that has a position up to its
   * frontier, was not in the log at this time.
   */
  readonly readAt: Date
  /**
   * About how many bytes the events of the page take as they are stored. It must not decode them. Readers that keep
   * pages bound their memory by it. @default 500 for each event
   */
  readonly bytes?: number
  /**
   * The position up to which the page has answered the query; the next page continues from there. Forward: the last
   * event of a page that ended at its limit; otherwise the last event that the page has passed, whether it matches the
   * query or not; never less than `after`. Backward: the same on a full page, where the last event is the lowest,
   * otherwise `after`.
   *
   * It must be the position of an existing event (or `after`), and not the frontier: after a crash, a database may
   * assign positions again that were assigned but never committed. A reader that had passed them would skip the new
   * events.
   */
  readonly through: number
}

/** The query for all events, from the first one on. */
export const wholeLog: Omit<LogQuery, 'limit'> = {
  after: 0,
  until: Number.MAX_SAFE_INTEGER,
  types: undefined,
  streamPrefix: undefined,
  tags: undefined,
  partition: undefined,
  direction: 'forward',
}
