/** Projections and subscriptions: documents in the transaction of the append, and handlers that follow the log. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Case, Contestant } from '../case.ts'
import { closedLoop } from '../closed-loop.ts'
import { emmett } from '../contestants/emmett.ts'
import {
  type BenchStore,
  type BenchStoreKind,
  type Consumer,
  storeContestant,
} from '../contestants/event-store.ts'
import { newOrderId, orderEvent, orderEvents } from '../contestants/order-events.ts'
import { ours } from '../contestants/ours.ts'
import { countOf, expectCount } from '../database.ts'

const callers = 32
const streamLength = 100
// The peer handles about a thousand events a second, so its log is shorter. The case compares rates.
const logLengths = { ours: 200_000, peer: 10_000 }

export const projectionCases: readonly Case[] = [
  {
    name: 'inline-projection',
    group: 'projection',
    work: 'one event a call and the document of its order, in one transaction; 32 callers, new streams',
    unit: 'events/s',
    better: 'higher',
    target: 10,
    ours: appendWithDocument(ours),
    peer: appendWithDocument(emmett),
  },
  {
    name: 'catch-up',
    group: 'projection',
    work: 'a long log (ours 200,000 events, the peer’s 10,000) through a handler that does nothing',
    unit: 'events/s',
    better: 'higher',
    target: 100,
    rounds: 3,
    ours: catchUp(ours, logLengths.ours),
    peer: catchUp(emmett, logLengths.peer),
  },
  {
    name: 'catch-up-views',
    group: 'projection',
    work: 'the same logs into documents, one for each order of 100 events',
    unit: 'events/s',
    better: 'higher',
    target: 40,
    rounds: 3,
    ours: catchUpViews(ours, logLengths.ours),
    peer: catchUpViews(emmett, logLengths.peer),
  },
  {
    name: 'latency',
    group: 'projection',
    work: 'from an append to its handler, after one idle second: 1 divided by the median time',
    unit: '/s',
    better: 'higher',
    target: 40,
    rounds: 3,
    ours: latency(ours, 1_000, 5),
    peer: latency(emmett, 1_000, 5),
  },
  {
    name: 'latency-load',
    group: 'projection',
    work: 'the same, with an append every 5 ms',
    unit: '/s',
    better: 'higher',
    target: 40,
    rounds: 3,
    ours: latency(ours, 5, 400),
    peer: latency(emmett, 5, 400),
  },
]

function appendWithDocument(kind: BenchStoreKind): Contestant {
  return storeContestant(
    kind,
    (store, { seconds, directUrl }) => {
      let documents = 0
      return {
        filled: 0,
        async turn() {
          const loop = await closedLoop(callers, seconds, () =>
            store.appendNew(newOrderId(), [orderEvent(1)]),
          )
          documents += loop.operations
          await expectCount(directUrl, kind.countDocuments, documents, kind.name)
          return { value: loop.perSecond, appended: loop.operations, loop }
        },
      }
    },
    { inline: true },
  )
}

async function fill(store: BenchStore, count: number): Promise<number> {
  for (let filled = 0; filled < count; filled += streamLength) {
    await store.appendNew(newOrderId(), orderEvents(streamLength))
  }
  return count
}

function catchUp(kind: BenchStoreKind, length: number): Contestant {
  return storeContestant(kind, async (store) => {
    const filled = await fill(store, length)
    let round = 0
    return {
      filled,
      async turn() {
        const name = `nothing-${round++}`
        let handled = 0
        const seconds = await secondsUntilDone((done) =>
          store.consume(name, () => {
            handled++
            if (handled === length) done()
          }),
        )
        if (handled !== length) throw new Error(`${kind.name} handled ${handled} events of ${length}`)
        return { value: length / seconds, appended: 0 }
      },
    }
  })
}

function catchUpViews(kind: BenchStoreKind, length: number): Contestant {
  return storeContestant(kind, async (store, { directUrl }) => {
    const filled = await fill(store, length)
    let documents = 0
    let round = 0
    return {
      filled,
      async turn() {
        // With Emmett, all rounds write the same collection. With ours, each round writes its own.
        documents = kind === emmett ? length / streamLength : documents + length / streamLength
        const name = `orders-${round++}`
        const seconds = await secondsUntilDone(async (done) => {
          const consumer = await store.project(name)
          void documentsComplete(kind, directUrl, name, length).then(done)
          return consumer
        })
        await expectCount(directUrl, kind.countDocuments, documents, kind.name)
        return { value: length / seconds, appended: 0 }
      },
    }
  })
}

/** Waits until the checkpoint, which moves with the documents, has reached the end of the log. */
async function documentsComplete(
  kind: BenchStoreKind,
  url: string,
  name: string,
  length: number,
): Promise<void> {
  while ((await countOf(url, kind.checkpointOf(name))) < length) await sleep(10)
}

/** Measures the median time from the return of an append to the call of the handler for its event. */
function latency(kind: BenchStoreKind, pause: number, count: number): Contestant {
  return storeContestant(kind, async (store) => {
    const appended = new Map<string, number>()
    const times: number[] = []
    const handledAt = new Map<string, number>()
    let consumer: Consumer | undefined
    return {
      filled: 0,
      async turn() {
        times.length = 0
        consumer ??= await store.consume('watcher', ({ streamId }) =>
          handledAt.set(streamId, performance.now()),
        )
        for (let made = 0; made < count; made++) {
          await sleep(pause)
          const stream = newOrderId()
          await store.appendNew(stream, [orderEvent(1)])
          appended.set(stream, performance.now())
        }
        while ([...appended.keys()].some((stream) => !handledAt.has(stream))) await sleep(10)
        for (const [stream, at] of appended) times.push(Math.max(0.01, (handledAt.get(stream) ?? 0) - at))
        appended.clear()
        times.sort((a, b) => a - b)
        return { value: 1000 / (times[times.length >> 1] as number), appended: count }
      },
      async tearDown() {
        await consumer?.stop()
      },
    }
  })
}

/** Starts a consumer, and returns after how many seconds it calls `done`. Then it stops the consumer. */
async function secondsUntilDone(start: (done: () => void) => Promise<Consumer>): Promise<number> {
  const begin = performance.now()
  let consumer: Consumer | undefined
  let seconds = 0
  await new Promise<void>((resolve, reject) => {
    const done = () => {
      seconds = (performance.now() - begin) / 1000
      resolve()
    }
    start(done).then((started) => {
      consumer = started
    }, reject)
  })
  await consumer?.stop()
  return seconds
}
