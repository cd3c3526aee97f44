/** A projection that several programs share: how many events a stream has, and the sum of their numbers. */
import { projection, type RecordedEvent } from '@eventsourced/core'
import type { Counted } from '../../../src/conformance/events.ts'

export const totals = projection({
  name: 'totals',
  key: ({ streamId }: RecordedEvent<Counted>) => streamId,
  initialState: () => ({ count: 0, sum: 0 }),
  evolve: ({ count, sum }, { data }) => ({ count: count + 1, sum: sum + data.number }),
})
