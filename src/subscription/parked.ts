/** The events that a subscription has set aside: looking at them, and saying what is to become of them. */
import { NotParkedError } from '../errors.ts'
import { checkInteger, checkName } from '../input.ts'
import type { SubscriptionEnvironment } from './environment.ts'
import { eventAt } from './log-query.ts'
import type { ParkedRecord } from './storage.ts'
import type { ParkedEvent, ParkedEvents } from './subscription.ts'

const recordsPerPage = 500

export function parkedEvents({ storage }: SubscriptionEnvironment, name: string): ParkedEvents {
  checkName(name, 'subscription')
  return {
    async *list({ signal } = {}) {
      for (let after = 0; ; ) {
        const page = await storage.listParked(name, after, recordsPerPage, signal)
        for (const record of page) {
          signal?.throwIfAborted()
          yield reveal(record)
        }
        if (page.length < recordsPerPage) return
        after = (page.at(-1) as ParkedRecord).position
      }
    },

    async show(position, { signal } = {}) {
      checkInteger(position, 'position', 1)
      const [record] = await storage.listParked(name, position - 1, 1, signal)
      if (record?.position !== position) return undefined
      const event = await eventAt(storage, position, signal)
      return event && { ...reveal(record), event }
    },

    async retry(position, { signal } = {}) {
      checkInteger(position, 'position', 1)
      if (!(await storage.retryParked(name, position, signal))) throw new NotParkedError(name, position)
    },

    async skip(position, { signal } = {}) {
      checkInteger(position, 'position', 1)
      if (!(await storage.skipParked(name, position, signal))) throw new NotParkedError(name, position)
    },
  }
}

function reveal({ partition: _, parkedAt, ...record }: ParkedRecord): ParkedEvent {
  return { ...record, parkedAt: new Date(parkedAt) }
}
