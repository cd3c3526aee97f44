/** Appending: one event a call from few and from many callers, to a few hot streams, and 1,000 events a call. */
import type { Case } from '../case.ts'
import { closedLoop } from '../closed-loop.ts'
import { emmett } from '../contestants/emmett.ts'
import { type BenchStoreKind, storeContestant } from '../contestants/event-store.ts'
import { newOrderId, orderEvent, orderEvents } from '../contestants/order-events.ts'
import { ours } from '../contestants/ours.ts'

const bulkSize = 1000
const hotStreams = 4

export const appendCases: readonly Case[] = [
  {
    name: 'append-sequential',
    group: 'append',
    work: 'one event a call, one caller, new streams',
    unit: 'events/s',
    better: 'higher',
    target: 1.6,
    ours: appendNew(ours, 1),
    peer: appendNew(emmett, 1),
  },
  {
    name: 'append-concurrent-32',
    group: 'append',
    work: 'one event a call, 32 callers, new streams',
    unit: 'events/s',
    better: 'higher',
    target: 6,
    ours: appendNew(ours, 32),
    peer: appendNew(emmett, 32),
  },
  {
    name: 'append-concurrent-256',
    group: 'append',
    work: 'one event a call, 256 callers, new streams',
    unit: 'events/s',
    better: 'higher',
    target: 8,
    ours: appendNew(ours, 256),
    peer: appendNew(emmett, 256),
  },
  {
    name: 'append-hot-stream',
    group: 'append',
    work: 'one event a call, 32 callers, to any version of 4 streams',
    unit: 'events/s',
    better: 'higher',
    target: 5,
    ours: appendHot(ours),
    peer: appendHot(emmett),
  },
  {
    name: 'append-bulk',
    group: 'append',
    work: '1,000 events a call, one caller, new streams',
    unit: 'events/s',
    better: 'higher',
    target: 2.5,
    ours: appendBulk(ours),
    peer: appendBulk(emmett),
  },
]

/** Appends one event a call, each to a new stream. */
export function appendNew(kind: BenchStoreKind, callers: number) {
  return storeContestant(kind, (store, { seconds }) => ({
    filled: 0,
    async turn() {
      const loop = await closedLoop(callers, seconds, () => store.appendNew(newOrderId(), [orderEvent(1)]))
      return { value: loop.perSecond, appended: loop.operations, loop }
    },
  }))
}

function appendHot(kind: BenchStoreKind) {
  return storeContestant(kind, (store, { seconds }) => {
    let next = 0
    return {
      filled: 0,
      async turn() {
        const loop = await closedLoop(32, seconds, () => {
          next++
          return store.appendAny(`order-${next % hotStreams}`, [orderEvent(next)])
        })
        return { value: loop.perSecond, appended: loop.operations, loop }
      },
    }
  })
}

/** Appends 1,000 events a call, each call to a new stream. */
export function appendBulk(kind: BenchStoreKind) {
  return storeContestant(kind, (store, { seconds }) => ({
    filled: 0,
    async turn() {
      const loop = await closedLoop(1, seconds, () => store.appendNew(newOrderId(), orderEvents(bulkSize)))
      return { value: loop.perSecond * bulkSize, appended: loop.operations * bulkSize, loop }
    },
  }))
}
