/**
 * `store.audit`: keeps the entries as documents of a reserved collection, so every storage has them. The key of a
 * document is the id of the entry with each hexadecimal digit subtracted from f. An id begins with its time, so the
 * newest entry has the lowest key, and the first page of the collection has the newest entries.
 */
import type { AuditEntry, AuditTrail, NewAuditEntry } from '../audit/audit-trail.ts'
import { hasCode, StoreUnavailableError } from '../errors/index.ts'
import { checkInteger, checkOneOf, checkReadName, checkText } from '../input/checks.ts'
import { toJson } from '../input/json.ts'
import { checkProperties, optionsOf } from '../input/options.ts'
import { readSafely, refuse } from '../input/refusal.ts'
import { collectionGeneration } from '../projection/handler-documents.ts'
import { abortable, linkedController } from '../runtime/abort.ts'
import type { Operations } from '../runtime/operations.ts'
import { itemsOf } from '../runtime/paged-reader.ts'
import { pause } from '../runtime/retry.ts'
import type { DocumentChange, StorageTransaction, StoredDocument } from '../storage/projections.ts'
import type { Storage } from '../storage/storage.ts'
import { isUuid, timeOfUuid, uuidv7 } from '../uuid.ts'

// No user can give this name to a projection, a collection or a view: names that begin with `$` are refused.
const collection = '$audit'
const recording = 'Recording an audit entry'
const entriesPerPage = 100
const maxDetailsBytes = 65_536
const maxTextBytes = 4_096
const maxRetries = 3

const properties = [
  'actor',
  'action',
  'target',
  'outcome',
  'startId',
  'reason',
  'details',
  'error',
] as const satisfies readonly (keyof NewAuditEntry)[]

type AuditStorage = Pick<Storage, 'transaction' | 'listDocuments' | 'timeout'>

export function auditTrail(storage: AuditStorage, operations: Operations): AuditTrail {
  return {
    async record(entry, options) {
      const state = checkedState(entry)
      const { signal } = optionsOf(options, ['signal'])
      return operations.perform(signal, async () => {
        const key = mirrored(uuidv7())
        const address = { projection: collection, generation: collectionGeneration, key }
        await write(storage, { ...address, state, position: 0 }, signal)
        return entryOf({ key, state })
      })
    },

    list(options) {
      const {
        limit = Number.MAX_SAFE_INTEGER,
        before,
        signal,
      } = optionsOf(options, ['limit', 'before', 'signal'])
      checkInteger(limit, 'limit', 1)
      if (before !== undefined) checkId(before, 'before')
      return itemsOf(signal, async function* (signal) {
        let last = before === undefined ? '' : mirrored(before)
        for (let left = limit; left > 0; ) {
          const most = Math.min(left, entriesPerPage)
          const page = await operations.perform(signal, () =>
            storage.listDocuments(collection, '', last, most, signal),
          )
          yield page.map(entryOf)
          if (page.length < most) return
          last = (page.at(-1) as StoredDocument).key
          left -= page.length
        }
      })
    },
  }
}

/**
 * Writes the document of an entry. A retry writes the same document, so a lost answer makes no second entry. The time of
 * the storage begins with the first transaction: before, the storage may have to create the database.
 */
async function write(
  storage: AuditStorage,
  change: DocumentChange,
  signal: AbortSignal | undefined,
): Promise<void> {
  const { timeout } = storage
  const { controller, unlink } = linkedController(signal)
  let retries = 0
  let timer: NodeJS.Timeout | undefined
  const giveUp = () => {
    const cause = new Error(`the database did not answer within ${timeout} ms`)
    controller.abort(new StoreUnavailableError(recording, retries, cause))
  }
  const work = (transaction: StorageTransaction) => {
    if (timeout !== undefined) timer ??= setTimeout(giveUp, timeout)
    return transaction.writeDocuments([change])
  }
  try {
    for (;;) {
      try {
        const written = storage.transaction(recording, work, controller.signal)
        return await abortable(written, controller.signal)
      } catch (error) {
        controller.signal.throwIfAborted()
        if (!hasCode(error, 'store-unavailable') || retries === maxRetries) throw error
        await pause(++retries, controller.signal)
      }
    }
  } finally {
    clearTimeout(timer)
    unlink()
  }
}

/** Checks an entry, and returns it as JSON text. @throws InvalidInputError */
function checkedState(entry: NewAuditEntry): string {
  if (entry === undefined) refuse('entry', 'must be an object', entry)
  const read = optionsOf(entry, properties, 'entry', 'entry.')
  checkProperties(entry, properties, 'entry')
  const { actor, action, target, outcome, startId, reason, details, error } = read
  checkReadName(actor, 'entry.actor')
  checkReadName(action, 'entry.action')
  checkReadName(target, 'entry.target')
  checkOneOf(outcome, 'entry.outcome', ['started', 'done', 'failed'])
  if (startId !== undefined) checkStartId(startId, outcome)
  if (reason !== undefined) checkShortText(reason, 'entry.reason')
  if (error !== undefined) {
    checkShortText(error, 'entry.error')
    if (outcome !== 'failed') refuse('entry.error', "must only be set with the outcome 'failed'", error)
  }
  // The JSON was read once: a getter of the details may return something else the next time.
  const json = details === undefined ? undefined : detailsJson(details)
  return JSON.stringify({
    actor,
    action,
    target,
    outcome,
    startId: startId?.toLowerCase(),
    reason,
    details: json === undefined ? undefined : JSON.parse(json),
    error,
  })
}

function checkStartId(value: unknown, outcome: unknown): void {
  checkId(value, 'entry.startId')
  if (outcome === 'started') {
    refuse('entry.startId', "must only be set with the outcome 'done' or 'failed'", value)
  }
}

function detailsJson(details: unknown): string {
  return readSafely('entry.details', details, () => {
    if (typeof details !== 'object' || details === null || Array.isArray(details)) {
      refuse('entry.details', 'must be an object', details)
    }
    return toJson(details, 'entry.details', maxDetailsBytes)
  })
}

function checkShortText(value: unknown, field: string): void {
  checkText(value, field)
  const bytes = Buffer.byteLength(value)
  if (bytes > maxTextBytes) {
    refuse(field, `must not exceed ${maxTextBytes} bytes of UTF-8 (it has ${bytes})`, value)
  }
}

function checkId(value: unknown, field: string): asserts value is string {
  if (!isUuid(value)) refuse(field, 'must be the id of an entry, which is a UUID', value)
}

/** Subtracts each digit of an id from f. Applied twice, it returns the id. */
function mirrored(id: string): string {
  return id.replace(/[0-9a-f]/gi, (digit) => (15 - Number.parseInt(digit, 16)).toString(16))
}

function entryOf({ key, state }: Pick<StoredDocument, 'key' | 'state'>): AuditEntry {
  const id = mirrored(key)
  return { id, at: new Date(timeOfUuid(id) as number), ...JSON.parse(state) }
}
