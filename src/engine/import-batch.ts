/** Checks and prepares the events of an import one by one, and collects them into batches. */
import type { KnownEvents } from '../catalogue/known-events.ts'
import { DuplicateEventIdError, InvalidInputError } from '../errors/index.ts'
import type { ImportedEvent, ImportOptions } from '../imported-event.ts'
import { checkedDate, checkName } from '../input/checks.ts'
import { EventPreparation } from '../input/events.ts'
import type { InputLimits } from '../input/limits.ts'
import { readSafely } from '../input/refusal.ts'
import type { PreparedImport } from '../storage/storage.ts'
import { importIds } from './import-ids.ts'
import { checkReadable, isStoredForm } from './import-shape.ts'

// A batch also ends at this many characters of JSON, because large payloads would add up to one huge statement.
const maxBatchSize = 8_388_608

interface ImportBatchOptions extends Pick<ImportOptions, 'name' | 'shape'> {
  readonly batchSize: number
}

export class ImportBatches {
  /** Events taken from the source so far. */
  read = 0
  readonly #size: number
  readonly #idOf: ((index: number) => string) | undefined
  readonly #preparation: EventPreparation
  readonly #shape: ImportOptions['shape']
  readonly #known: KnownEvents | undefined
  #events: PreparedImport[] = []
  #streamOf = new Map<string, string>()
  #characters = 0

  constructor(
    { name, batchSize, shape }: ImportBatchOptions,
    limits: InputLimits,
    known: KnownEvents | undefined,
  ) {
    this.#size = batchSize
    this.#idOf = name === undefined ? undefined : importIds(name)
    this.#shape = shape
    this.#known = known
    this.#preparation = new EventPreparation(undefined, limits, known)
  }

  /**
   * Adds the next event of the source. Copies it, because the source may reuse its objects. Skips an event whose id the
   * batch already has for the same stream.
   * @throws InvalidInputError, or DuplicateEventIdError if the batch has the id for another stream
   * @throws InvalidEventError or UnreadableEventError if the event does not fit the catalogue
   */
  add(event: ImportedEvent): void {
    const field = `source[${this.read}]`
    const { streamId, recordedAt } = targetOf(event, field)
    const isStored = readSafely(field, event, () => isStoredForm(this.#known, event, this.#shape))
    const prepared = this.#preparation.imported(event, field, () => this.#makeId(field), isStored)
    if (isStored && this.#known !== undefined) checkReadable(this.#known, prepared, streamId, field)
    const { id, idFrom, type, data, metadata, tags } = prepared
    this.read++
    const earlier = this.#streamOf.get(id)
    if (earlier !== undefined && earlier !== streamId) throw new DuplicateEventIdError(id, earlier)
    if (earlier !== undefined) return
    this.#streamOf.set(id, streamId)
    // Written out property by property: spreading the prepared event takes as long as the rest of this method.
    this.#events.push({
      id,
      idFrom,
      type,
      data,
      metadata,
      tags,
      streamId,
      recordedAt,
    })
    this.#characters += data.length + metadata.length
  }

  #makeId(field: string): string {
    if (this.#idOf !== undefined) return this.#idOf(this.read)
    throw new InvalidInputError(
      `${field}.id`,
      'must be given, or the import must have a name to make ids of',
      'none',
    )
  }

  get isEmpty(): boolean {
    return this.#events.length === 0
  }

  get isFull(): boolean {
    return this.#events.length >= this.#size || this.#characters >= maxBatchSize
  }

  /** Returns the events of this batch, and begins the next one. */
  take(): readonly PreparedImport[] {
    const events = this.#events
    this.#events = []
    this.#streamOf = new Map()
    this.#characters = 0
    return events
  }
}

// How far the clocks of two machines may differ, in milliseconds. An event from the future is refused, because time in
// its stream could not advance until then.
const clockTolerance = 60_000

/** Returns the stream and the time of an imported event, checked. */
function targetOf(event: ImportedEvent, field: string): Pick<PreparedImport, 'streamId' | 'recordedAt'> {
  const { streamId, recordedAt } = readSafely(field, event, () => ({
    streamId: event?.streamId,
    recordedAt: event?.recordedAt,
  }))
  checkName(streamId, `${field}.streamId`)
  if (recordedAt === undefined) return { streamId, recordedAt }
  const date = checkedDate(recordedAt, `${field}.recordedAt`)
  if (date.getTime() > Date.now() + clockTolerance) {
    throw new InvalidInputError(`${field}.recordedAt`, 'must not be in the future', date.toISOString())
  }
  return { streamId, recordedAt: date }
}
