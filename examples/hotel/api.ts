/** The hotels over HTTP. Each has a store of its own: `PUT /alps/rooms/101`. */
import { fold, foldStream } from '@eventsourced/core'
import { answer, atLeast, commandOptions, jsonBody, problem } from '@eventsourced/core/http'
import { type Context, Hono } from 'hono'
import * as z from 'zod'
import type { Hotel } from './application.ts'
import { booking, newBooking, payment } from './booking.ts'
import { newGuest } from './guest.ts'
import { bookingsOfGuest } from './projections.ts'
import { problemOf, Refusal } from './refusal.ts'
import { newRoom } from './room.ts'

export function hotelApi(hotels: ReadonlyMap<string, Hotel>): Hono {
  const hotelOf = (c: Context): Hotel => {
    const hotel = hotels.get(c.req.param('hotel') ?? '')
    if (hotel === undefined) throw new Refusal('no-such-hotel', 'There is no such hotel')
    return hotel
  }
  const id = (c: Context) => c.req.param('id') ?? ''
  const body = <Schema extends z.ZodType>(c: Context, schema: Schema) => jsonBody(c.req.raw, { schema })
  const options = (c: Context) => commandOptions(c.req.raw)

  return new Hono()
    .onError((error, c) => problem(error, c.req.raw, { problems: problemOf }))
    .put('/:hotel/rooms/:id', async (c) => {
      const command = { kind: 'open', ...(await body(c, newRoom)) } as const
      return answer(await hotelOf(c).rooms(id(c), command, options(c)), { location: c.req.path })
    })
    .put('/:hotel/guests/:id', async (c) => {
      const registered = await hotelOf(c).registerGuest(id(c), await body(c, newGuest), options(c))
      return answer(registered, { location: c.req.path })
    })
    .get('/:hotel/guests/:id', async (c) => answer(await hotelOf(c).findGuest(id(c)), { request: c.req.raw }))
    .delete('/:hotel/guests/:id', async (c) => answer(await hotelOf(c).eraseGuest(id(c), options(c))))
    .get('/:hotel/guests/:id/bookings', async (c) =>
      answer(await hotelOf(c).store.view(bookingsOfGuest).get(id(c), atLeast(c.req.raw))),
    )
    .put('/:hotel/bookings/:id', async (c) => {
      const requested = await hotelOf(c).requestBooking(id(c), await body(c, newBooking), options(c))
      return answer(requested, { status: 202 })
    })
    .get('/:hotel/bookings/:id', async (c) => {
      const asOf = z.iso.datetime().optional().parse(c.req.query('asOf'))
      const moment = asOf === undefined ? undefined : new Date(asOf)
      const folded = await foldStream(hotelOf(c).store, `booking-${id(c)}`, booking, { asOf: moment })
      return answer(folded, { request: c.req.raw })
    })
    .get('/:hotel/bookings/:id/history', async (c) => {
      const { events } = await hotelOf(c).store.readStream(`booking-${id(c)}`)
      return c.json(events.map((event, at) => ({ ...event, after: fold(booking, events.slice(0, at + 1)) })))
    })
    .post('/:hotel/bookings/:id/pay', async (c) =>
      answer(await hotelOf(c).bookings(id(c), { kind: 'pay', ...(await body(c, payment)) }, options(c))),
    )
    .post('/:hotel/bookings/:id/cancel', async (c) =>
      answer(await hotelOf(c).bookings(id(c), { kind: 'cancel', reason: 'by the guest' }, options(c))),
    )
    .get('/:hotel/taken', async (c) => c.json(await hotelOf(c).takenRooms(c.req.query('day') ?? '')))
    .get('/:hotel/search', async (c) => c.json(await hotelOf(c).search(c.req.query('status') ?? 'held')))
}
