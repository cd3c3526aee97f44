/** Appending: one event a call from few and from many callers, to hot streams, to old and new streams, and in bulk. */
import type { Case } from '../case.ts'
import { closedLoop } from '../closed-loop.ts'
import { emmett } from '../contestants/emmett.ts'
import { type BenchStoreKind, createStreams, storeContestant } from '../contestants/event-store.ts'
import { newOrderId, orderEvent, orderEvents } from '../contestants/order-events.ts'
import { ours } from '../contestants/ours.ts'

const bulkSize = 1000
const hotStreams = 4
const mixedSize = 10

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
    name: 'append-mixed',
    group: 'append',
    work: '10 events a call, 32 callers: 4 of 5 calls to any version of one of 20,000 streams (--quick: 5,000), drawn at random, the fifth to a new stream',
    unit: 'events/s',
    better: 'higher',
    target: 2,
    ours: appendMixed(ours),
    peer: appendMixed(emmett),
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

/** Appends 10 events a call: every fifth call to a new stream, the others to existing streams, drawn at random. */
function appendMixed(kind: BenchStoreKind) {
  return storeContestant(kind, async (store, { quick, seconds, directUrl }) => {
    const streams = await createStreams(kind, directUrl, quick ? 5_000 : 20_000, mixedSize)
    const drawn = () => streams[Math.floor(Math.random() * streams.length)] ?? ''
    let next = 0
    return {
      filled: streams.length * mixedSize,
      async turn() {
        const loop = await closedLoop(32, seconds, () => {
          const events = orderEvents(mixedSize)
          return next++ % 5 === 0 ? store.appendNew(newOrderId(), events) : store.appendAny(drawn(), events)
        })
        return { value: loop.perSecond * mixedSize, appended: loop.operations * mixedSize, loop }
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
