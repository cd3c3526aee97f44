/** What a long log costs: memory to read it, and the time of appends and reads when there are millions of events. */
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import type { Case, Contestant, Ground } from '../case.ts'
import { closedLoop } from '../closed-loop.ts'
import type { BenchStore } from '../contestants/event-store.ts'
import { newOrderId, orderEvent } from '../contestants/order-events.ts'
import { ours } from '../contestants/ours.ts'
import { growLog, grownStream } from '../grown-log.ts'

const memoryEvents = 1_000_000
const [fewEvents, quickEvents, manyEvents] = [50_000, 1_000_000, 5_000_000]
const streamLength = 20

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
  growthCase('growth-read', 'whole streams of 20 events, one caller', 1, (store, stream) =>
    store.read(stream),
  ),
  growthCase('growth-append', 'one event a call, 32 callers, new streams', 32, (store) =>
    store.appendNew(newOrderId(), [orderEvent(1)]),
  ),
  growthCase(
    'growth-append-existing',
    'one event a call, 32 callers, to streams at random',
    32,
    (store, stream) => store.appendAny(stream, [orderEvent(1)]),
  ),
]

function growthCase(
  name: string,
  work: string,
  callers: number,
  operation: (store: BenchStore, stream: string) => Promise<unknown>,
): Case {
  const contestant = (label: string, events: (quick: boolean) => number): Contestant => ({
    name: label,
    async enter({ seconds, quick, shared }) {
      const count = events(quick)
      const store = await ours.open(await grown(shared, count))
      const streams = count / streamLength
      return {
        async turn() {
          const { perSecond } = await closedLoop(callers, seconds, () =>
            operation(store, grownStream(1 + Math.floor(Math.random() * streams))),
          )
          return perSecond
        },
        leave: () => store.close(),
      }
    },
  })
  return {
    name,
    group: 'growth',
    work: `${work}: cost among 5,000,000 events, by that among 50,000`,
    unit: 'calls/s',
    better: 'lower',
    target: 1.3,
    ours: contestant('many events', (quick) => (quick ? quickEvents : manyEvents)),
    peer: contestant('50,000 events', () => fewEvents),
  }
}

function memoryOfReadAll(): Contestant {
  return {
    name: 'eventsourced',
    async enter({ shared }) {
      const url = await grown(shared, memoryEvents)
      return {
        async turn(round) {
          // Each round is a process of its own: there is nothing to warm up.
          if (round === 0) return Number.NaN
          const reader = fork(join(import.meta.dirname, '..', 'memory-reader.ts'), [
            url,
            String(memoryEvents),
          ])
          const [{ events, megabytes }] = await once(reader, 'message')
          if (events !== memoryEvents)
            throw new Error(`${events} events were read in place of ${memoryEvents}`)
          return megabytes
        },
        async leave() {},
      }
    },
  }
}

function grown(shared: Ground['shared'], events: number): Promise<string> {
  return shared(`grown-${events}`, (url) => growLog(url, events))
}
