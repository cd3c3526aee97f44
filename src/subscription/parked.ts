/** `store.parked(name)`: lists the parked events of a subscription, and retries or skips them. */
import type { KnownEvents } from '../catalogue/known-events.ts'
import { upcastAll } from '../catalogue/upcast.ts'
import { NotParkedError, UnknownSubscriptionError } from '../errors/index.ts'
import { checkFunction, checkInteger, checkName, checkReadName, checkText } from '../input/checks.ts'
import { checkProperties, optionsOf } from '../input/options.ts'
import { readSafely } from '../input/refusal.ts'
import type { EngineEnvironment } from '../runtime/environment.ts'
import type { Operations } from '../runtime/operations.ts'
import { itemsOf } from '../runtime/paged-reader.ts'
import type { ParkedRecord } from '../storage/subscriptions.ts'
import { eventAt } from './event-at.ts'
import type { ParkedCallOptions, ParkedEvent, ParkedEvents, ParkedFilter } from './subscription.ts'

const recordsPerPage = 500

export function parkedEvents(
  { storage, known }: EngineEnvironment,
  operations: Operations,
  name: string,
): ParkedEvents {
  checkName(name, 'subscription')
  const perform = operations.perform.bind(operations)
  return {
    list(options) {
      const {
        after = 0,
        limit = Number.MAX_SAFE_INTEGER,
        signal,
      } = optionsOf(options, ['after', 'limit', 'signal'])
      checkInteger(after, 'after', 0)
      checkInteger(limit, 'limit', 1)
      return itemsOf(signal, async function* (signal) {
        let last = after
        for (let left = limit; left > 0; ) {
          const most = Math.min(left, recordsPerPage)
          const page = await perform(signal, () => storage.listParked(name, last, most, signal))
          yield page.map((record) => toParkedEvent(record, known))
          if (page.length < most) return
          last = (page.at(-1) as ParkedRecord).position
          left -= page.length
        }
      })
    },

    async show(position, options) {
      checkInteger(position, 'position', 1)
      const { signal } = optionsOf(options, ['signal'])
      return perform(signal, async () => {
        const [record] = await storage.listParked(name, position - 1, 1, signal)
        if (record?.position !== position) return undefined
        const stored = await eventAt(storage, position, signal)
        if (stored === undefined) return undefined
        const events = known === undefined ? [stored] : upcastAll(known, [stored])
        return { ...toParkedEvent(record, known), events }
      })
    },

    retry: (which, options) =>
      settle(which, options, (positions, signal) => storage.retryParked(name, positions, signal), isParked),

    skip: (which, options) =>
      settle(
        which,
        options,
        (positions, signal) => storage.skipParked(name, positions, signal),
        () => true,
      ),
  }

  /** A misspelled name has no parked events either, so an empty result must not hide the mistake. */
  async function checkRegistered(signal: AbortSignal | undefined): Promise<void> {
    const stored = await perform(signal, () => storage.readSubscription(name, signal))
    if (stored?.place === undefined) throw new UnknownSubscriptionError(name, stored?.successor)
  }

  /** Retries or skips one event, or page by page all that the filter and `isMeant` select. Returns the number of events. */
  async function settle(
    which: number | ParkedFilter,
    options: ParkedCallOptions | undefined,
    settlePositions: (
      positions: readonly number[],
      signal: AbortSignal | undefined,
    ) => Promise<readonly number[]>,
    isMeant: (record: ParkedRecord) => boolean,
  ): Promise<number> {
    const { onProgress, signal } = optionsOf(options, ['onProgress', 'signal'])
    if (onProgress !== undefined) checkFunction(onProgress, 'onProgress')
    const filter = checkedChoice(which)
    if (typeof filter === 'number') {
      const found = await perform(signal, () => settlePositions([filter], signal))
      if (found.length > 0) return 1
      await checkRegistered(signal)
      throw new NotParkedError(name, filter)
    }
    let count = 0
    for (let after = 0; ; ) {
      const from = after
      const page = await perform(signal, () => storage.listParked(name, from, recordsPerPage, signal))
      const chosen = page.filter((record) => isSelected(record, filter, known) && isMeant(record))
      const positions = chosen.map(({ position }) => position)
      if (positions.length > 0) {
        count += (await perform(signal, () => settlePositions(positions, signal))).length
      }
      after = page.at(-1)?.position ?? after
      await onProgress?.({ count, position: after })
      if (page.length < recordsPerPage) break
    }
    if (count === 0) await checkRegistered(signal)
    return count
  }
}

function checkedChoice(which: number | ParkedFilter): number | ParkedFilter {
  const isFilter = readSafely(
    'position',
    which,
    () => typeof which === 'object' && which !== null && !Array.isArray(which),
  )
  if (isFilter) return checkedParkedFilter(which as ParkedFilter)
  checkInteger(which, 'position', 1)
  return which
}

const isParked = ({ state }: ParkedRecord) => state === 'parked'

const filterProperties = ['type', 'streamId', 'error'] as const

/** Refuses unknown properties. If a misspelled one were ignored, the filter would select more than the caller meant. */
function checkedParkedFilter(filter: ParkedFilter): ParkedFilter {
  const { type, streamId, error } = optionsOf(filter, filterProperties, 'filter')
  if (type !== undefined) checkReadName(type, 'type')
  if (streamId !== undefined) checkReadName(streamId, 'streamId')
  if (error !== undefined) checkText(error, 'error')
  checkProperties(filter, filterProperties, 'filter')
  return { type, streamId, error }
}

function isSelected(
  record: ParkedRecord,
  { type, streamId, error }: ParkedFilter,
  known: KnownEvents | undefined,
): boolean {
  return (
    (type === undefined || record.type === type || known?.typesToday(record.type).includes(type) === true) &&
    (streamId === undefined || record.streamId === streamId) &&
    (error === undefined || record.error.includes(error))
  )
}

/** The public form of a stored record: with today's name of its event, if it has one name today, and a copy of the date. */
function toParkedEvent({ parkedAt, ...record }: ParkedRecord, known: KnownEvents | undefined): ParkedEvent {
  const [type = record.type, ...more] = known?.typesToday(record.type) ?? []
  return { ...record, type: more.length === 0 ? type : record.type, parkedAt: new Date(parkedAt) }
}
