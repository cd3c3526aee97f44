/** A slice of a stream while it is read: what has come of it, and what is still to be asked for. */
import type { RecordedEvent, StreamSlice, StreamWindow } from '../storage/index.ts'
import type { Row } from './client.ts'
import { decodeEvents } from './decode.ts'

// A row of so many events is large enough to be cheap, and mostly small enough for everybody's buffers.
export const mostPerRow = 100
const rowsPerPage = 40

/** What to ask of the stream next: a page of the events from `fromVersion` to `toVersion`. */
export interface PageRequest {
  readonly streamId: string
  readonly fromVersion: number
  readonly toVersion: number
  readonly asOf: Date | undefined
  readonly isBackward: boolean
  /** Most events in the page. */
  readonly most: number
  /** Most events in a row of it. */
  readonly rowSize: number
}

export class PartialSlice {
  readonly streamId: string
  readonly #window: StreamWindow
  readonly #events: RecordedEvent[] = []
  #fromVersion: number
  #toVersion: number
  #rowSize = mostPerRow
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

  nextPage(mostEvents: number = rowsPerPage * this.#rowSize): PageRequest {
    return {
      streamId: this.streamId,
      fromVersion: this.#fromVersion,
      toVersion: this.#toVersion,
      asOf: this.#window.asOf,
      isBackward: this.#window.direction === 'backward',
      most: Math.min(mostEvents, this.#window.limit - this.#events.length),
      rowSize: this.#rowSize,
    }
  }

  /** Takes the rows of the page that was asked for, which are at least one. */
  add(request: PageRequest, rows: readonly Row[]): void {
    const { stream_version: version, lower_version: lower, upper_version: upper } = rows[0] as Row
    // Later pages keep to the version of the first: the slice is the stream at one moment.
    if (this.#version === undefined) {
      this.#exists = version !== null
      this.#version = Number(version)
      this.#toVersion = Math.min(this.#toVersion, this.#version)
    }
    for (const row of rows) {
      const events = decodeEvents(row, this.streamId)
      if (events === undefined) {
        this.shrinkRows()
        return
      }
      if (request.isBackward) events.reverse()
      this.#take(events)
    }
    if (request.isBackward) this.#toVersion = Number(lower) - 1
    else this.#fromVersion = Number(upper) + 1
    this.#isComplete =
      !this.#exists ||
      this.#events.length >= this.#window.limit ||
      Number(upper) - Number(lower) + 1 < request.most ||
      this.#fromVersion > this.#toVersion
  }

  /** Asks for fewer events in a row from now on. */
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
