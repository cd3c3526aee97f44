/** Imports a log from another system: in batches, in the order of the source. It can be run again after any failure. */
import type { KnownEvents } from '../catalogue/known-events.ts'
import { DuplicateEventIdError, ImportOutOfOrderError } from '../errors/index.ts'
import type { ImportOptions, ImportResult, ImportSource } from '../imported-event.ts'
import { checkBoolean, checkFunction, checkInteger, checkOneOf, checkReadName } from '../input/checks.ts'
import type { InputLimits } from '../input/limits.ts'
import { optionsOf } from '../input/options.ts'
import { readSafely, refuse } from '../input/refusal.ts'
import { forEachItem, linkedController } from '../runtime/abort.ts'
import type { PreparedImport, Storage } from '../storage/storage.ts'
import { ImportBatches } from './import-batch.ts'

/**
 * Appends every event of the source that the store does not have. The store assigns positions and versions in the order
 * of the source, and keeps ids, metadata and times. To resume an interrupted import, call it again.
 */
export async function importEvents(
  storage: Pick<Storage, 'importBatch'>,
  source: ImportSource,
  options: ImportOptions | undefined,
  limits: InputLimits,
  known: KnownEvents | undefined,
): Promise<ImportResult> {
  const {
    name,
    batchSize = 5000,
    clampTimes = false,
    onProgress,
    signal,
  } = optionsOf(options, ['name', 'batchSize', 'clampTimes', 'onProgress', 'signal'])
  const { shape } = optionsOf(options, ['shape'])
  checkSource(source)
  if (shape !== undefined) checkOneOf(shape, 'shape', ['current', 'stored'])
  checkInteger(batchSize, 'batchSize', 1)
  if (name !== undefined) checkReadName(name, 'name')
  checkBoolean(clampTimes, 'clampTimes')
  if (onProgress !== undefined) checkFunction(onProgress, 'onProgress')
  const { controller: failed, unlink } = linkedController(signal)
  const stop = failed.signal
  const batches = new ImportBatches({ name, batchSize, shape }, limits, known)
  let imported = 0
  // The batch that is being written. Meanwhile the next one is read and prepared; it waits for this one, to keep the
  // order.
  let sending = Promise.resolve()

  async function send(events: readonly PreparedImport[], read: number): Promise<void> {
    const outcome = await storage.importBatch(events, clampTimes, signal)
    if (outcome.kind === 'out-of-order') {
      throw new ImportOutOfOrderError(outcome.streamId, outcome.recordedAt, outcome.previous)
    }
    if (outcome.kind === 'duplicate') throw new DuplicateEventIdError(outcome.eventId, outcome.streamId)
    imported += outcome.imported
    await onProgress?.({ read, imported, skipped: read - imported })
  }

  async function flush(): Promise<void> {
    await sending
    stop.throwIfAborted()
    sending = send(batches.take(), batches.read)
    // If the batch fails, the import must end even while it waits for a source that does not answer.
    sending.catch((error: unknown) => failed.abort(error))
  }

  try {
    await forEachItem(source, stop, (event) => {
      batches.add(event)
      if (batches.isFull) return flush()
      return batches.read % eventsPerTurn === 0 ? new Promise(setImmediate) : undefined
    })
    if (!batches.isEmpty) await flush()
  } finally {
    // The batch that is being written comes before all later events of the source, and so does its error.
    await sending.finally(unlink)
  }
  return { read: batches.read, imported, skipped: batches.read - imported }
}

// After so many events the import yields to the event loop, for the batch that is being written and the rest of the
// process.
const eventsPerTurn = 200

function checkSource(source: unknown): void {
  const isIterable = () =>
    typeof source === 'object' &&
    source !== null &&
    [Symbol.iterator, Symbol.asyncIterator].some((key) => key in source)
  if (!readSafely('source', source, isIterable)) refuse('source', 'must be an iterable of events', source)
}
