/** The events of an import: checked and prepared one by one, and gathered into batches. */
import { DuplicateEventIdError, InvalidInputError } from '../errors/index.ts'
import type { ImportedEvent } from '../imported-event.ts'
import { checkedDate, checkName } from '../input/checks.ts'
import { EventPreparation } from '../input/events.ts'
import type { InputLimits } from '../input/limits.ts'
import { readSafely } from '../input/refusal.ts'
import type { PreparedImport } from '../storage/storage.ts'
import { importIds } from './import-ids.ts'

// A batch also ends here, so that large payloads do not add up to one huge statement.
const batchBytes = 8_388_608

export class ImportBatches {
  /** Events taken from the source so far. */
  read = 0
  readonly #size: number
  readonly #idOf: ((place: number) => string) | undefined
  readonly #preparation: EventPreparation
  #events: PreparedImport[] = []
  #streamOf = new Map<string, string>()
  #bytes = 0

  constructor(name: string | undefined, size: number, limits: InputLimits) {
    this.#size = size
    this.#idOf = name === undefined ? undefined : importIds(name)
    this.#preparation = new EventPreparation(undefined, limits)
  }

  /** Adds the next event of the source, as it is now: the source may use its objects again. */
  add(event: ImportedEvent): void {
    const field = `source[${this.read}]`
    const { streamId, recordedAt } = placeOf(event, field)
    const { id, idFrom, type, data, metadata, tags } = this.#preparation.event(event, field, () =>
      this.#makeId(field),
    )
    this.read++
    const twin = this.#streamOf.get(id)
    if (twin !== undefined && twin !== streamId) throw new DuplicateEventIdError(id, twin)
    if (twin !== undefined) return
    this.#streamOf.set(id, streamId)
    // Written out: to spread the prepared event takes as long as all the rest.
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
    this.#bytes += data.length + metadata.length
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
    return this.#events.length >= this.#size || this.#bytes >= batchBytes
  }

  /** The events gathered, with which the batch is over and the next one begins. */
  take(): readonly PreparedImport[] {
    const events = this.#events
    this.#events = []
    this.#streamOf = new Map()
    this.#bytes = 0
    return events
  }
}

// Clocks of two machines differ a little; an event of tomorrow would hold back its stream's time for a day.
const clockTolerance = 60_000

function placeOf(event: ImportedEvent, field: string): Pick<PreparedImport, 'streamId' | 'recordedAt'> {
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
