/** `store.parked(name)`: lists the parked events of a subscription, and retries or skips them. */
import { NotParkedError } from '../errors/index.ts'
import { checkInteger, checkName } from '../input/checks.ts'
import { optionsOf } from '../input/options.ts'
import type { EngineEnvironment } from '../runtime/environment.ts'
import type { Operations } from '../runtime/operations.ts'
import { itemsOf } from '../runtime/paged-reader.ts'
import type { ParkedRecord } from '../storage/subscriptions.ts'
import { eventAt } from './event-at.ts'
import type { ParkedEvent, ParkedEvents } from './subscription.ts'

const recordsPerPage = 500

export function parkedEvents(
  { storage }: EngineEnvironment,
  operations: Operations,
  name: string,
): ParkedEvents {
  checkName(name, 'subscription')
  const perform = operations.perform.bind(operations)
  return {
    list(options) {
      const { signal } = optionsOf(options, ['signal'])
      return itemsOf(signal, async function* (signal) {
        for (let after = 0; ; ) {
          const from = after
          const page = await perform(signal, () => storage.listParked(name, from, recordsPerPage, signal))
          yield page.map(toParkedEvent)
          if (page.length < recordsPerPage) return
          after = (page.at(-1) as ParkedRecord).position
        }
      })
    },

    async show(position, options) {
      checkInteger(position, 'position', 1)
      const { signal } = optionsOf(options, ['signal'])
      return perform(signal, async () => {
        const [record] = await storage.listParked(name, position - 1, 1, signal)
        if (record?.position !== position) return undefined
        const event = await eventAt(storage, position, signal)
        return event && { ...toParkedEvent(record), event }
      })
    },

    async retry(position, options) {
      checkInteger(position, 'position', 1)
      const { signal } = optionsOf(options, ['signal'])
      const found = await perform(signal, () => storage.retryParked(name, [position], signal))
      if (found.length === 0) throw new NotParkedError(name, position)
    },

    async skip(position, options) {
      checkInteger(position, 'position', 1)
      const { signal } = optionsOf(options, ['signal'])
      const found = await perform(signal, () => storage.skipParked(name, [position], signal))
      if (found.length === 0) throw new NotParkedError(name, position)
    },
  }
}

/** The public form of a stored record, with a copy of the date. */
function toParkedEvent({ parkedAt, ...record }: ParkedRecord): ParkedEvent {
  return { ...record, parkedAt: new Date(parkedAt) }
}
