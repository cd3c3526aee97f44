/** What a catalogue costs: the same work on a store with one and on a store without, and of events that need an upcast. */
import { defineEvents, type Event, payload } from '@eventsourced/core'
import { type PostgresStore, postgresStore } from '@eventsourced/core/postgres'
import type { Case, Contestant } from '../case.ts'
import { closedLoop } from '../closed-loop.ts'
import { newOrderId, type OrderEvent, orderEvent, orderEvents } from '../contestants/order-events.ts'

const callers = 32
const streamLength = 1_000

type OrderLine = OrderEvent['data']
type OrderLineAdded = Event<'OrderLineAdded', OrderLine>
/** The data of the former version, which had one warehouse. */
type FormerLine = Omit<OrderLine, 'warehouse'>

const events = defineEvents({ OrderLineAdded: payload<OrderLine>() })

const upcastingEvents = defineEvents(
  { OrderLineAdded: payload<OrderLine>() },
  { upcasts: { OrderLineAdded: { 1: (data: FormerLine) => ({ ...data, warehouse: 'Rotterdam' }) } } },
)

export const catalogueCases: readonly Case[] = [
  {
    name: 'catalogue-append',
    group: 'catalogue',
    work: 'one event a call, 32 callers, new streams; a catalogue of compile-time types against none',
    unit: 'events/s',
    better: 'lower',
    target: 1.05,
    ours: append('with a catalogue', (url) => postgresStore(url, { events })),
    peer: append('without', (url) => postgresStore<OrderLineAdded>(url)),
  },
  {
    name: 'catalogue-read',
    group: 'catalogue',
    work: 'the whole log with `readAll`; a catalogue of compile-time types against none',
    unit: 'events/s',
    better: 'lower',
    target: 1.05,
    ours: readLog('with a catalogue', (url) => postgresStore(url, { events })),
    peer: readLog('without', (url) => postgresStore<OrderLineAdded>(url)),
  },
  {
    name: 'catalogue-upcast',
    group: 'catalogue',
    work: 'the whole log with `readAll`; events that need one upcast each against events that need none',
    unit: 'events/s',
    better: 'lower',
    target: 1.3,
    ours: readLog('upcast', (url) => postgresStore(url, { events: upcastingEvents })),
    peer: readLog('as stored', (url) => postgresStore(url, { events })),
  },
]

function append(name: string, open: (url: string) => PostgresStore<OrderLineAdded>): Contestant {
  return {
    name,
    async setUp({ url, seconds }) {
      const store = open(url)
      await store.schema.create()
      return {
        async turn() {
          const loop = await closedLoop(callers, seconds, () => store.append(newOrderId(), [orderEvent(1)]))
          return { value: loop.perSecond, loop }
        },
        tearDown: () => store.close(),
      }
    },
  }
}

function readLog(name: string, open: (url: string) => PostgresStore<OrderLineAdded>): Contestant {
  return {
    name,
    async setUp({ url, directUrl, quick }) {
      const length = quick ? 50_000 : 200_000
      const filler = postgresStore(directUrl)
      const stored = orderEvents(streamLength).map(({ data: { warehouse, ...data }, ...event }) => ({
        ...event,
        data: name === 'upcast' ? data : { ...data, warehouse },
      }))
      for (let filled = 0; filled < length; filled += streamLength) {
        await filler.append(newOrderId(), stored)
      }
      await filler.close()
      const store = open(url)
      return {
        async turn() {
          const begin = performance.now()
          let read = 0
          for await (const { data } of store.readAll()) if (data.warehouse === 'Rotterdam') read++
          if (read !== length) throw new Error(`${read} events were read as they are today, not ${length}`)
          return { value: (length * 1000) / (performance.now() - begin) }
        },
        tearDown: () => store.close(),
      }
    },
  }
}
