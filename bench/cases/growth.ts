/** The cost of a long log: the memory to read it, and the time of appends and reads among millions of events. */
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import type { BenchContext, Case, Contestant } from '../case.ts'
import { closedLoop } from '../closed-loop.ts'
import { type BenchStore, storeContestant } from '../contestants/event-store.ts'
import { newOrderId, orderEvent } from '../contestants/order-events.ts'
import { ours } from '../contestants/ours.ts'
import { countOf } from '../database.ts'
import { growLog, grownStream, streamLength } from '../grown-log.ts'

const memoryEvents = 1_000_000
const [fewEvents, quickEvents, manyEvents] = [50_000, 1_000_000, 5_000_000]

export const growthCases: readonly Case[] = [
  {
    name: 'memory',
    group: 'growth',
    work: 'growth of resident memory while `readAll` reads 1,000,000 events',
    unit: 'MB',
    better: 'lower',
    target: 100,
    rounds: 2,
    ours: memoryOfReadAll(),
  },
  growthCase({
    name: 'growth-read',
    work: 'whole streams of 20 events, one caller',
    callers: 1,
    appends: 0,
    call: (store, stream) => store.read(stream),
  }),
  growthCase({
    name: 'growth-append',
    work: 'one event a call, 32 callers, new streams',
    callers: 32,
    appends: 1,
    call: (store) => store.appendNew(newOrderId(), [orderEvent(1)]),
  }),
  growthCase({
    name: 'growth-append-existing',
    work: 'one event a call, 32 callers, to streams at random',
    callers: 32,
    appends: 1,
    call: (store, stream) => store.appendAny(stream, [orderEvent(1)]),
  }),
]

interface GrowthWork {
  readonly name: string
  readonly work: string
  readonly callers: number
  /** How many events a call appends. */
  readonly appends: number
  readonly call: (store: BenchStore, stream: string) => Promise<unknown>
}

function growthCase({ name, work, callers, appends, call }: GrowthWork): Case {
  const among = (label: string, eventCount: (quick: boolean) => number): Contestant => ({
    name: label,
    async setUp(context) {
      const count = eventCount(context.quick)
      const url = await grown(context.shared, count)
      const contestant = storeContestant(ours, async (store) => ({
        filled: await countOf(url, ours.countEvents),
        async turn() {
          const loop = await closedLoop(callers, context.seconds, () =>
            call(store, grownStream(1 + Math.floor((Math.random() * count) / streamLength))),
          )
          return { value: loop.perSecond, appended: loop.operations * appends, loop }
        },
      }))
      return contestant.setUp({ ...context, url, directUrl: url })
    },
  })
  return {
    name,
    group: 'growth',
    work: `${work}: cost among 5,000,000 events (--quick: 1,000,000), divided by the cost among 50,000`,
    unit: 'calls/s',
    better: 'lower',
    target: 1.3,
    ours: among('many events', (quick) => (quick ? quickEvents : manyEvents)),
    peer: among('50,000 events', () => fewEvents),
  }
}

function memoryOfReadAll(): Contestant {
  return {
    name: 'eventsourced',
    async setUp({ shared }) {
      const url = await grown(shared, memoryEvents)
      return {
        async turn(round) {
          // Each round runs in a new process, so there is nothing to warm up.
          if (round === 0) return { value: Number.NaN }
          const reader = fork(join(import.meta.dirname, '..', 'memory-reader.ts'), [
            url,
            String(memoryEvents),
          ])
          const [{ events, megabytes }] = await once(reader, 'message')
          if (events !== memoryEvents)
            throw new Error(`${events} events were read instead of ${memoryEvents}`)
          return { value: megabytes }
        },
        async tearDown() {},
      }
    },
  }
}

function grown(shared: BenchContext['shared'], events: number): Promise<string> {
  return shared(`grown-${events}`, (url) => growLog(url, events))
}
