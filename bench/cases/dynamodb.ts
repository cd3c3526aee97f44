/** On an emulator of DynamoDB: appending, reading, and the write units that AWS would bill for an append. */
import { isMissing } from '../../test/emulators/start.ts'
import type { Case, Contestant } from '../case.ts'
import { closedLoop } from '../closed-loop.ts'
import { castore } from '../contestants/castore.ts'
import { type DynamodbBenchStoreKind, dynamodbContestant } from '../contestants/dynamodb-store.ts'
import { sealedEvents, signedEvents } from '../contestants/large-events.ts'
import { newOrderId } from '../contestants/order-events.ts'
import { oursOnDynamodb } from '../contestants/ours-dynamodb.ts'
import { countWriteUnits } from '../contestants/write-units.ts'

const callers = 16
const eventsOfAppend = 10
const [streamCount, streamLength] = [10, 100]
const billedAppends = 50

export const dynamodbCases: readonly Case[] = [
  {
    name: 'dynamodb-append-1',
    group: 'dynamodb',
    work: 'one event of 500 B a call, 16 callers, new streams',
    unit: 'events/s',
    better: 'higher',
    target: 3,
    ours: appendNew(oursOnDynamodb, 1),
    peer: appendNew(castore, 1),
    skipReason,
  },
  {
    name: 'dynamodb-append-10',
    group: 'dynamodb',
    work: '10 events of 500 B a call, 16 callers, new streams',
    unit: 'events/s',
    better: 'higher',
    target: 5,
    ours: appendNew(oursOnDynamodb, eventsOfAppend),
    peer: appendNew(castore, eventsOfAppend),
    skipReason,
  },
  {
    name: 'dynamodb-read',
    group: 'dynamodb',
    work: 'whole streams of 100 events from 10 appends, one caller',
    unit: 'events/s',
    better: 'higher',
    target: 3,
    ours: readStream(oursOnDynamodb),
    peer: readStream(castore),
    skipReason,
  },
  {
    name: 'dynamodb-write-units',
    group: 'dynamodb',
    work: '10 events a call, of 500 B that hardly compress, one caller, one stream: write units an event, divided by the peer’s',
    unit: 'events/write unit',
    better: 'lower',
    target: 0.75,
    ours: writeUnits(oursOnDynamodb),
    peer: writeUnits(castore),
    skipReason,
  },
]

function skipReason(): string | undefined {
  return isMissing('dynoxide')
}

/** Appends `count` events a call, each call to a new stream. */
function appendNew(kind: DynamodbBenchStoreKind, count: number): Contestant {
  return dynamodbContestant(kind, (store, { seconds }) => ({
    filled: 0,
    async turn() {
      const loop = await closedLoop(callers, seconds, () =>
        store.append(newOrderId(), signedEvents(count), 0),
      )
      return { value: loop.perSecond * count, appended: loop.operations * count, loop }
    },
  }))
}

/** Reads the streams one after the other. */
function readStream(kind: DynamodbBenchStoreKind): Contestant {
  return dynamodbContestant(kind, async (store, { seconds }) => {
    const streams = Array.from({ length: streamCount }, newOrderId)
    for (const stream of streams) {
      for (let version = 0; version < streamLength; version += eventsOfAppend) {
        await store.append(stream, signedEvents(eventsOfAppend), version)
      }
    }
    let next = 0
    return {
      filled: streamCount * streamLength,
      async turn() {
        const loop = await closedLoop(1, seconds, async () => {
          const found = await store.read(streams[next++ % streamCount] ?? '')
          if (found !== streamLength) throw new Error(`${found} events were read instead of ${streamLength}`)
        })
        return { value: loop.perSecond * streamLength, appended: 0, loop }
      },
    }
  })
}

/** Appends to one stream that already exists. */
function writeUnits(kind: DynamodbBenchStoreKind): Contestant {
  return dynamodbContestant(kind, async (store) => {
    const stream = newOrderId()
    await store.append(stream, sealedEvents(eventsOfAppend), 0)
    const unitsSoFar = countWriteUnits(store.client)
    let version = eventsOfAppend
    return {
      filled: version,
      async turn() {
        const before = unitsSoFar()
        for (let append = 0; append < billedAppends; append++) {
          await store.append(stream, sealedEvents(eventsOfAppend), version)
          version += eventsOfAppend
        }
        const appended = billedAppends * eventsOfAppend
        return { value: appended / (unitsSoFar() - before), appended }
      },
    }
  })
}
