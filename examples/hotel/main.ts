/**
 * Serves two hotels. `DATABASE_URL` names a Postgres; without it, the hotels live in memory. Stops on SIGTERM: it finishes
 * the requests and handlers that run, then closes the stores.
 */
import { createServer } from 'node:http'
import { type EventsOf, memoryStore, type StoreOptions } from '@eventsourced/core'
import { healthz } from '@eventsourced/core/health'
import { otel } from '@eventsourced/core/otel'
import { postgresStore } from '@eventsourced/core/postgres'
import { getRequestListener } from '@hono/node-server'
import * as opentelemetry from '@opentelemetry/api'
import { hotelApi } from './api.ts'
import { type Hotel, hotel } from './application.ts'
import { guestEmails, hotelEvents, takenNights } from './projections.ts'

const url = process.env.DATABASE_URL
const hotels = new Map<string, Hotel>()
for (const name of ['alps', 'coast']) {
  const options: StoreOptions<EventsOf<typeof hotelEvents>> = {
    events: hotelEvents,
    inline: [takenNights, guestEmails],
    // Traces and metrics, if the process is started with an SDK of OpenTelemetry: node --import ./instrumentation.js
    observe: otel(opentelemetry, { processParent: 'event' }),
  }
  const store = url === undefined ? memoryStore(options) : postgresStore(url, { ...options, schema: name })
  const opened = hotel(store, {
    secret: process.env.EMAIL_SECRET ?? 'change me',
    payWithin: 15 * 60_000,
    sendMail: async ({ to, text }) => console.log(`mail to ${to}: ${text}`),
  })
  hotels.set(name, opened)
}

const api = hotelApi(hotels)
for (const [name, { store }] of hotels) api.get(`/healthz/${name}`, (c) => healthz(store)(c.req.raw))
for (const { start } of hotels.values()) start()
const timer = setInterval(() => {
  for (const { withdrawUnpaid } of hotels.values()) withdrawUnpaid().catch(console.error)
}, 1_000)

const server = createServer(getRequestListener(api.fetch)).listen(Number(process.env.PORT ?? 3000))
process.once('SIGTERM', async () => {
  clearInterval(timer)
  await new Promise((resolve) => server.close(resolve))
  await Promise.all([...hotels.values()].map(({ store }) => store.close()))
})
