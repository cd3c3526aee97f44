/** The hotel over HTTP. Each tenant has a store of its own: `PUT /alps/rooms/101`. */
import { fold, foldStream } from '@eventsourced/core'
import { answer, atLeast, commandOptions, jsonBody, problem } from '@eventsourced/core/http'
import { type Context, Hono } from 'hono'
import * as z from 'zod'
import type { Hotel } from './application.ts'
import { booking, newBooking } from './booking.ts'
import * as projections from './projections.ts'
import { Refusal } from './refusal.ts'
import { newRoom } from './room.ts'

const person = z.object({ name: z.string(), email: z.email() })
const payment = z.object({ amount: z.number() })

export function hotelApi(hotels: ReadonlyMap<string, Hotel>): Hono {
  const api = new Hono()
  const hotelOf = (c: Context) => {
    const found = hotels.get(c.req.param('tenant') ?? '')
    if (found === undefined) throw new Refusal('no-such-hotel', 'There is no such hotel')
    return found
  }
  const id = (c: Context) => c.req.param('id') ?? ''
  const body = <Schema extends z.ZodType>(c: Context, schema: Schema) => jsonBody(c.req.raw, { schema })
  const options = (c: Context) => commandOptions(c.req.raw)
  const problems = (error: unknown) =>
    error instanceof Refusal
      ? { status: error.reason.startsWith('no-such') ? 404 : 409, code: error.reason, detail: error.message }
      : undefined
  api.onError((error, c) => problem(error, c.req.raw, { problems }))

  api.put('/:tenant/rooms/:id', async (c) => {
    const command = { kind: 'open', ...(await body(c, newRoom)) } as const
    return answer(await hotelOf(c).rooms(id(c), command, options(c)), { location: c.req.path })
  })
  api.put('/:tenant/guests/:id', async (c) => {
    const registered = await hotelOf(c).registerGuest(id(c), await body(c, person), options(c))
    return answer(registered, { location: c.req.path })
  })
  api.get('/:tenant/guests/:id', async (c) =>
    answer(await hotelOf(c).findGuest(id(c)), { request: c.req.raw }),
  )
  api.delete('/:tenant/guests/:id', async (c) => answer(await hotelOf(c).eraseGuest(id(c), options(c))))
  api.get('/:tenant/guests/:id/bookings', async (c) => {
    const found = await hotelOf(c).store.view(projections.bookingsOfGuest).get(id(c), atLeast(c.req.raw))
    return answer(found ?? { state: { bookings: {} } })
  })
  api.put('/:tenant/bookings/:id', async (c) =>
    answer(await hotelOf(c).requestBooking(id(c), await body(c, newBooking), options(c)), { status: 202 }),
  )
  api.get('/:tenant/bookings/:id', async (c) => {
    const asOf = c.req.query('asOf')
    const moment = asOf === undefined ? undefined : new Date(asOf)
    const folded = await foldStream(hotelOf(c).store, `booking-${id(c)}`, booking, { asOf: moment })
    return answer(folded, { request: c.req.raw })
  })
  api.get('/:tenant/bookings/:id/history', async (c) => {
    const { events } = await hotelOf(c).store.readStream(`booking-${id(c)}`)
    return c.json(
      events.map((event, index) => ({ ...event, after: fold(booking, events.slice(0, index + 1)) })),
    )
  })
  api.post('/:tenant/bookings/:id/pay', async (c) =>
    answer(await hotelOf(c).bookings(id(c), { kind: 'pay', ...(await body(c, payment)) }, options(c))),
  )
  api.post('/:tenant/bookings/:id/cancel', async (c) =>
    answer(await hotelOf(c).bookings(id(c), { kind: 'cancel', reason: 'by the guest' }, options(c))),
  )
  return api
}
