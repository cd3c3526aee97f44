/** Commands of processes that have just started: each one loads a stream that its handler does not know. */
import { DynamoDBClient } from '@aws-sdk/client-dynamodb'
import { commandHandler, decider, type EventStore } from '@eventsourced/core'
import { dynamodbStore } from '@eventsourced/core/dynamodb'
import { postgresStore } from '@eventsourced/core/postgres'
import type { Contestant } from '../case.ts'
import { closedLoop, forEachOf } from '../closed-loop.ts'
import { emulatorAt } from './dynamodb-store.ts'
import { newOrderId, type OrderEvent, orderEvents } from './order-events.ts'

/** Opens a store on an empty database. */
export type OpenStore = (url: string) => Promise<{ readonly store: EventStore; close(): Promise<void> }>

export const openPostgres: OpenStore = async (url) => {
  const store = postgresStore(url)
  await store.schema.create()
  return { store, close: () => store.close() }
}

export const openPglite: OpenStore = () => openPostgres('pglite:memory')

export const openDynamodb: OpenStore = async (url) => {
  const client = new DynamoDBClient(emulatorAt(url))
  const store = dynamodbStore({ client, table: 'bench' })
  await store.schema.create()
  return {
    store,
    async close() {
      await store.close()
      client.destroy()
    },
  }
}

// The last events of each stream come from appends of one event, as commands make them. The earlier ones only fill it.
const [singleEvents, eventsPerAppend] = [150, 100]
const snapshot = { name: 'order', version: 1 }

/** Counts the lines of an order, and its amount by product: a state that does not grow with the stream. */
const order = decider({
  initialState: (): { lines: number; byLine: Record<string, number> } => ({ lines: 0, byLine: {} }),
  decide: (_command: 'addLine'): readonly OrderEvent[] => orderEvents(1),
  evolve({ lines, byLine }, { data }) {
    const key = String(lines % 50)
    return { lines: lines + 1, byLine: { ...byLine, [key]: (byLine[key] ?? 0) + data.quantity } }
  },
})

/** Handles commands one after the other, each with a new handler. `streams`: the number of streams of this length. */
export function coldCommands(open: OpenStore, length: number, streams: number): Contestant {
  return {
    name: `streams of ${length}`,
    async setUp({ url, seconds }) {
      const { store, close } = await open(url)
      const names = Array.from({ length: streams }, newOrderId)
      const handle = (stream: string, wait: boolean) =>
        commandHandler({ store, decider: order, snapshot: { ...snapshot, wait } })(stream, 'addLine')
      await forEachOf(names, 4, async (stream) => {
        for (let left = length - 1; left > 0; ) {
          const count = left > singleEvents ? Math.min(left - singleEvents, eventsPerAppend) : 1
          await store.append(stream, orderEvents(count))
          left -= count
        }
        await handle(stream, true)
      })
      let next = 0
      return {
        async turn() {
          const loop = await closedLoop(1, seconds, () => handle(names[next++ % names.length] ?? '', false))
          return { value: loop.perSecond, loop }
        },
        tearDown: close,
      }
    },
  }
}
