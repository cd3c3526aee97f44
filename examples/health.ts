/**
 * A web service that says whether it works: to Kubernetes, to Prometheus, and to its operators. Needs no server.
 */

import { memoryStore } from '@eventsourced/core'
import { health, healthz, livez } from '@eventsourced/core/health'
import { prometheus } from '@eventsourced/core/prometheus'
import { serve } from '@hono/node-server'
import { Hono } from 'hono'

const metrics = prometheus()
const store = memoryStore({ observe: metrics })
const mailer = store.subscribe({ name: 'mailer', handle: async () => {} })

const ready = healthz(store, { subscriptions: ['mailer'], maxLagTime: 30_000 })
const alive = livez(store)
const scrape = metrics.handler(store)

const app = new Hono()
app.get('/healthz', (c) => ready(c.req.raw))
app.get('/livez', (c) => alive(c.req.raw))
app.get('/metrics', (c) => scrape(c.req.raw))
const server = serve({ fetch: app.fetch, port: Number(process.env.PORT ?? 0) })

await store.append('booking-1', [{ type: 'BookingMade', data: { room: 12 } }])
await mailer.caughtUp()
console.log('readiness:', (await app.request('/healthz')).status)
console.log('liveness:', (await app.request('/livez')).status)
const text = await (await app.request('/metrics')).text()
console.log(text.split('\n').find((line) => line.startsWith('eventsourced_appended')))

await mailer.stop()
const { status, checks } = await health(store, { subscriptions: ['mailer'], maxAge: 0 })
console.log(
  status,
  checks.flatMap(({ name, reason }) => (reason ? `${name}: ${reason}` : [])),
)
server.close()
await store.close()
