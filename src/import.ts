/** Bringing a log in from elsewhere: in batches, in the source's order, and safe to run again after any failure. */

import { abortableItems } from './abort.ts'
import { DuplicateEventIdError, ImportOutOfOrderError, InvalidInputError } from './errors.ts'
import type { Event } from './event.ts'
import {
  beginning,
  checkDate,
  checkInteger,
  checkName,
  checkReadName,
  EventPreparation,
  type InputLimits,
} from './input.ts'
import type { PreparedImport, Storage } from './storage.ts'
import type { CallOptions } from './store.ts'
import { uuidOf } from './uuid.ts'

/** An event that was recorded somewhere else. */
export interface ImportedEvent extends Event {
  readonly streamId: string
  /** When it was recorded there. @default now */
  readonly recordedAt?: Date | undefined
}

export type ImportSource = Iterable<ImportedEvent> | AsyncIterable<ImportedEvent>

export interface ImportOptions extends CallOptions {
  /**
   * Names the source, so that events without an id get one made of this name and their place in the source:
   * a second run then recognises them. Needed if any event has no id; the source may only grow at its end.
   */
  readonly name?: string | undefined
  /** Events per transaction. @default 5000 */
  readonly batchSize?: number | undefined
  /** Records an event that is older than its stream's last one at that one's time, instead of refusing it. */
  readonly clampTimes?: boolean | undefined
  /** Called after each batch. */
  readonly onProgress?: ((progress: ImportResult) => void) | undefined
}

export interface ImportResult {
  /** Events read from the source. */
  readonly read: number
  /** Events appended by this run. */
  readonly imported: number
  /** Events that were there already. */
  readonly skipped: number
}

// A batch also ends here, so that large payloads do not add up to one huge statement.
const batchBytes = 8_388_608

/**
 * Appends every event of the source that is not in the store yet. Positions and versions are the store's own,
 * in the order of the source; ids, metadata and times are kept. Stopped or killed, it is resumed by calling it again.
 */
export async function importEvents(
  storage: Pick<Storage, 'importBatch'>,
  source: ImportSource,
  options: ImportOptions,
  limits: InputLimits,
): Promise<ImportResult> {
  const { name, batchSize = 5000, clampTimes = false, onProgress, signal } = options
  checkSource(source)
  checkInteger(batchSize, 'batchSize', 1)
  if (name !== undefined) checkReadName(name, 'name')
  const preparation = new EventPreparation(undefined, limits)
  let read = 0
  let imported = 0
  let batch: PreparedImport[] = []
  let streamOf = new Map<string, string>()
  let bytes = 0

  async function flush(): Promise<void> {
    const outcome = await storage.importBatch(batch, clampTimes, signal)
    if (outcome.kind === 'out-of-order') {
      throw new ImportOutOfOrderError(outcome.streamId, outcome.recordedAt, outcome.previous)
    }
    if (outcome.kind === 'duplicate') throw new DuplicateEventIdError(outcome.eventId, outcome.streamId)
    imported += outcome.imported
    batch = []
    streamOf = new Map()
    bytes = 0
    onProgress?.({ read, imported, skipped: read - imported })
  }

  for await (const event of signal === undefined ? source : abortableItems(source, signal)) {
    const field = `source[${read}]`
    checkName(event?.streamId, `${field}.streamId`)
    if (event.recordedAt !== undefined) checkRecordedAt(event.recordedAt, `${field}.recordedAt`)
    const place = read
    const prepared = preparation.event(event, field, () => {
      if (name !== undefined) return uuidOf('import', name, place)
      throw new InvalidInputError(
        `${field}.id`,
        'must be given, or the import must have a name to make ids of',
        'none',
      )
    })
    read++
    const twin = streamOf.get(prepared.id)
    if (twin !== undefined && twin !== event.streamId) throw new DuplicateEventIdError(prepared.id, twin)
    if (twin !== undefined) continue
    streamOf.set(prepared.id, event.streamId)
    const recordedAt = event.recordedAt && new Date(event.recordedAt)
    batch.push({ ...prepared, streamId: event.streamId, recordedAt })
    bytes += prepared.data.length + prepared.metadata.length
    if (batch.length >= batchSize || bytes >= batchBytes) await flush()
  }
  if (batch.length > 0) await flush()
  return { read, imported, skipped: read - imported }
}

function checkSource(source: unknown): void {
  const isIterable =
    source !== null &&
    source !== undefined &&
    [Symbol.iterator, Symbol.asyncIterator].some((key) => key in Object(source))
  if (!isIterable) throw new InvalidInputError('source', 'must be an iterable of events', beginning(source))
}

// Clocks of two machines differ a little; an event of tomorrow would hold back its stream's time for a day.
const clockTolerance = 60_000

function checkRecordedAt(value: Date, field: string): void {
  checkDate(value, field)
  if (value.getTime() > Date.now() + clockTolerance) {
    throw new InvalidInputError(field, 'must not be in the future', value.toISOString())
  }
}
