/** Bookings as a web service: versions as ETags, requests that may be repeated, reading your own writes, and problems. */
import { commandHandler, decider, foldStream, memoryStore, projection } from '@eventsourced/core'
import { answer, atLeast, commandOptions, jsonBody, problem, streamPage } from '@eventsourced/core/http'
import { Hono } from 'hono'
import { z } from 'zod'

type BookingEvent =
  | { type: 'Requested'; data: { guest: string; nights: string[] } }
  | { type: 'Paid'; data: { amount: number } }
type Command = { request: { guest: string; nights: string[] } } | { pay: number }
class Refused extends Error {}

const booking = decider({
  initialState: () => ({ status: 'none', guest: '', nights: [] as string[] }),
  decide(command: Command, { status }): BookingEvent {
    if ('request' in command) {
      if (status !== 'none') throw new Refused('This booking exists already')
      return { type: 'Requested', data: command.request }
    }
    if (status !== 'requested') throw new Refused(`A booking that is ${status} cannot be paid`)
    return { type: 'Paid', data: { amount: command.pay } }
  },
  evolve: (state, { type, data }) =>
    type === 'Requested' ? { status: 'requested', ...data } : { ...state, status: 'paid' },
})
const bookingsOfGuest = projection({
  name: 'bookings-of-guest',
  events: ['Requested'],
  key: ({ data }: Extract<BookingEvent, { type: 'Requested' }>) => data.guest,
  initialState: () => ({ count: 0 }),
  evolve: ({ count }) => ({ count: count + 1 }),
})
const newBooking = z.object({ guest: z.string(), nights: z.array(z.iso.date()).min(1) })
const payment = z.object({ amount: z.number().positive() })

const store = memoryStore()
const streamId = (id: string) => `booking-${id}`
const bookings = commandHandler({ store, decider: booking, streamId })
store.subscribe({ projection: bookingsOfGuest })

const app = new Hono()
  .put('/bookings/:id', async (c) => {
    const request = await jsonBody(c.req.raw, { schema: newBooking })
    const handled = await bookings(c.req.param('id'), { request }, commandOptions(c.req.raw))
    return answer(handled, { location: c.req.path })
  })
  .post('/bookings/:id/payment', async (c) => {
    const { amount } = await jsonBody(c.req.raw, { schema: payment })
    const options = commandOptions(c.req.raw, { requirePrecondition: true })
    return answer(await bookings(c.req.param('id'), { pay: amount }, options))
  })
  .get('/bookings/:id', async (c) =>
    answer(await foldStream(store, streamId(c.req.param('id')), booking), { request: c.req.raw }),
  )
  .get('/bookings/:id/events', (c) => streamPage(store, c.req.raw, streamId(c.req.param('id'))))
  .get('/guests/:guest', async (c) =>
    answer(await store.view(bookingsOfGuest).get(c.req.param('guest'), atLeast(c.req.raw))),
  )
app.onError((error, c) => {
  const problems = () => (error instanceof Refused ? { status: 409, detail: error.message } : undefined)
  const response = problem(error, c.req.raw, { problems })
  if (response.status >= 500) console.error(error)
  return response
})

// A server would begin here: `serve(app)` of @hono/node-server, `export default app` on Bun and Deno. This calls the app.
const send = async (method: string, path: string, headers: Record<string, string> = {}, body?: unknown) => {
  const json = { 'Content-Type': 'application/json', ...headers }
  const response = await app.request(path, { method, headers: json, body: JSON.stringify(body) })
  console.log(method, path, response.status, await response.text())
  return response.headers
}
const stay = { guest: 'ann', nights: ['2027-03-01'] }
await send('PUT', '/bookings/7', { 'Idempotency-Key': 'k-1' }, stay)
const created = await send('PUT', '/bookings/7', { 'Idempotency-Key': 'k-1' }, stay) // the answer was lost: 201 again
await send('GET', '/guests/ann', { Position: created.get('Position') ?? '' }) // contains the new booking
await send('POST', '/bookings/7/payment', {}, { amount: 90 }) // 428: which version did you see?
await send('POST', '/bookings/7/payment', { 'If-Match': created.get('ETag') ?? '' }, { amount: 90 })
await send('POST', '/bookings/7/payment', { 'If-Match': created.get('ETag') ?? '' }, { amount: 90 }) // 412
await send('GET', '/bookings/7/events?limit=1')
await store.close()
