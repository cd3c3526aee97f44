/** A slice of a stream during a read: collects the events that have arrived, and says which page to request next. */
import type { RecordedEvent, StreamSlice, StreamWindow } from '../storage/index.ts'
import type { Row } from './client.ts'
import { decodeEvents } from './decode.ts'

// Rows of this size keep the cost per event low, and mostly fit into the buffers of the server and the client.
export const maxEventsPerRow = 100
const maxRowsPerPage = 40

/** The next page to request: events from `fromVersion` to `toVersion`, both inclusive. */
export interface PageRequest {
  readonly streamId: string
  readonly fromVersion: number
  readonly toVersion: number
  readonly asOf: Date | undefined
  readonly isBackward: boolean
  /** Maximum number of events in the page. */
  readonly maxEvents: number
  /** Maximum number of events in one row of the page. */
  readonly rowSize: number
}

/** A slice that is complete once `isComplete` is true. */
export class PartialSlice {
  readonly streamId: string
  readonly #window: StreamWindow
  readonly #events: RecordedEvent[] = []
  #fromVersion: number
  #toVersion: number
  #rowSize = maxEventsPerRow
  #version: number | undefined
  #exists = false
  #isComplete = false

  constructor(streamId: string, window: StreamWindow) {
    this.streamId = streamId
    this.#window = window
    this.#fromVersion = window.fromVersion
    this.#toVersion = window.toVersion
  }

  get isComplete(): boolean {
    return this.#isComplete
  }

  get slice(): StreamSlice {
    return {
      streamId: this.streamId,
      version: this.#version ?? 0,
      exists: this.#exists,
      events: this.#events,
    }
  }

  /** Returns the request for the next page. `maxEvents`: maximum number of events in it. */
  nextPage(maxEvents: number = maxRowsPerPage * this.#rowSize): PageRequest {
    return {
      streamId: this.streamId,
      fromVersion: this.#fromVersion,
      toVersion: this.#toVersion,
      asOf: this.#window.asOf,
      isBackward: this.#window.direction === 'backward',
      maxEvents: Math.min(maxEvents, this.#window.limit - this.#events.length),
      rowSize: this.#rowSize,
    }
  }

  /** Adds the rows of the requested page. There is at least one row. */
  add(request: PageRequest, rows: readonly Row[]): void {
    const { stream_version: version, lower_version: lower, upper_version: upper } = rows[0] as Row
    // Later pages end at the stream version of the first page, so that the slice shows the stream at one moment.
    if (this.#version === undefined) {
      this.#exists = version !== null
      this.#version = Number(version)
      this.#toVersion = Math.min(this.#toVersion, this.#version)
    }
    for (const row of rows) {
      const events = decodeEvents(row, this.streamId)
      this.#fitRows(row)
      if (events === undefined) return
      if (request.isBackward) events.reverse()
      this.#take(events)
    }
    if (request.isBackward) this.#toVersion = Number(lower) - 1
    else this.#fromVersion = Number(upper) + 1
    this.#isComplete =
      !this.#exists ||
      this.#events.length >= this.#window.limit ||
      Number(upper) - Number(lower) + 1 < request.maxEvents ||
      this.#fromVersion > this.#toVersion
  }

  /** Requests rows that are as large as the events of this row allow, but grows them slowly. */
  #fitRows({ fitting }: Row): void {
    if (fitting !== null) this.#rowSize = Math.min(maxEventsPerRow, 2 * this.#rowSize, Number(fitting))
  }

  /** Requests fewer events per row from now on, because the server could not make a row. */
  shrinkRows(): void {
    this.#rowSize = Math.ceil(this.#rowSize / 4)
  }

  get canShrinkRows(): boolean {
    return this.#rowSize > 1
  }

  #take(events: readonly RecordedEvent[]): void {
    for (const event of events) this.#events.push(event)
    const last = events.at(-1)
    if (last === undefined) return
    if (this.#window.direction === 'backward') this.#toVersion = last.version - 1
    else this.#fromVersion = last.version + 1
  }
}
