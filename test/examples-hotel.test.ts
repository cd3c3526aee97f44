/** The example of a hotel, over HTTP on each store: what its guests and its operators see. */
import { memoryStore } from '@eventsourced/core'
import { healthz } from '@eventsourced/core/health'
import { otel } from '@eventsourced/core/otel'
import { given, stored } from '@eventsourced/core/testing'
import * as opentelemetry from '@opentelemetry/api'
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks'
import { W3CTraceContextPropagator } from '@opentelemetry/core'
import { BasicTracerProvider, InMemorySpanExporter, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-base'
import { describe, expect, it } from 'vitest'
import { hotelApi } from '../examples/hotel/api.ts'
import { hotel, type Mail } from '../examples/hotel/application.ts'
import { guestEmails, hotelEvents, takenNights } from '../examples/hotel/projections.ts'
import { onEachStore } from './each-store.ts'
import { hotelHistory } from './hotel-history.ts'

describe('the example of a hotel', () => {
  onEachStore((_, withWorld) => {
    const withHotel = (use: (open: Opened) => Promise<void>) =>
      withWorld(async (world) => {
        const store = await world.open({ events: hotelEvents, inline: [takenNights, guestEmails] })
        const mails: Mail[] = []
        const sendMail = async (mail: Mail) => void mails.push(mail)
        // biome-ignore lint/suspicious/noExplicitAny: the worlds open stores of any events
        const alps = hotel(store as any, { sendMail, secret: 'secret', payWithin: 60_000 })
        const subscriptions = alps.start()
        const api = hotelApi(new Map([['alps', alps]]))
        // Twice, since a handler may append what another one handles.
        const caughtUp = async () => {
          for (let round = 0; round < 3; round++)
            await Promise.all(subscriptions.map((one) => one.caughtUp()))
        }
        const send: Opened['send'] = async (method, path, body, headers = {}) =>
          api.request(`/alps${path}`, {
            method,
            headers: { 'Content-Type': 'application/json', ...headers },
            ...(body === undefined ? {} : { body: JSON.stringify(body) }),
          })
        await use({ alps, mails, caughtUp, send, ready: healthz(store) })
      })

    it('holds a booking, takes the payment once, and sends mails', () =>
      withHotel(async ({ send, caughtUp, mails, ready }) => {
        const opened = await send('PUT', '/rooms/101', { number: '101', beds: 2, price: 80 })
        expect([opened.status, opened.headers.get('location')]).toEqual([201, '/alps/rooms/101'])
        expect((await send('PUT', '/guests/ada', { name: 'Ada', email: 'ada@example.org' })).status).toBe(201)
        const taken = await send('PUT', '/guests/eve', { name: 'Eve', email: 'ADA@example.org' })
        expect(taken.status).toBe(409)
        const wanted = { guestId: 'ada', roomId: '101', nights: ['2027-12-24', '2027-12-25'] }
        expect((await send('PUT', '/bookings/b1', wanted)).status).toBe(202)
        await caughtUp()
        const held = await send('GET', '/bookings/b1')
        expect(await held.json()).toMatchObject({ status: 'held', price: { amount: 160, currency: 'EUR' } })
        expect((await send('GET', '/bookings/b1', undefined, { 'If-None-Match': '"2"' })).status).toBe(304)

        const stale = await send('POST', '/bookings/b1/pay', { amount: 160 }, { 'If-Match': '"1"' })
        expect([stale.status, stale.headers.get('etag')]).toEqual([412, '"2"'])
        const payment = { 'If-Match': '"2"', 'Idempotency-Key': 'payment-1' }
        const paid = await send('POST', '/bookings/b1/pay', { amount: 160 }, payment)
        expect([paid.status, paid.headers.get('etag')]).toEqual([200, '"3"'])
        // The client repeats its request, because it has not seen the answer.
        const repeated = await send('POST', '/bookings/b1/pay', { amount: 160 }, payment)
        expect([repeated.status, repeated.headers.get('etag')]).toEqual([200, '"3"'])

        const position = paid.headers.get('position') ?? ''
        const bookings = await send('GET', '/guests/ada/bookings', undefined, { Position: position })
        expect(await bookings.json()).toEqual({
          bookings: { 'booking-b1': { roomId: '101', nights: wanted.nights, status: 'paid' } },
        })
        await caughtUp()
        expect(mails.map(({ to, text }) => [to, text])).toEqual([
          ['ada@example.org', 'Dear Ada, BookingHeld: b1'],
          ['ada@example.org', 'Dear Ada, BookingPaid: b1'],
        ])
        expect(await (await send('GET', '/taken?day=2027-12-24')).json()).toEqual({
          day: '2027-12-24',
          rooms: ['101'],
        })
        expect(await (await send('GET', '/search?status=paid')).json()).toMatchObject([{ booking: 'b1' }])
        expect((await ready()).status).toBe(200)
      }))

    it('rejects a booking of nights that are taken, and releases those of one that is not paid for', () =>
      withHotel(async ({ send, caughtUp, alps }) => {
        await send('PUT', '/rooms/1', { number: '1', beds: 1, price: 50 })
        await send('PUT', '/guests/ada', { name: 'Ada', email: 'ada@example.org' })
        const wanted = { guestId: 'ada', roomId: '1', nights: ['2027-05-01'] }
        await send('PUT', '/bookings/first', wanted)
        await caughtUp()
        await send('PUT', '/bookings/second', wanted)
        await caughtUp()
        expect(await (await send('GET', '/bookings/second')).json()).toMatchObject({ status: 'rejected' })
        await alps.withdrawUnpaid('2999-01-01T00:00:00.000Z')
        await caughtUp()
        expect(await (await send('GET', '/bookings/first')).json()).toMatchObject({ status: 'withdrawn' })
        expect(await (await send('GET', '/taken?day=2027-05-01')).json()).toMatchObject({ rooms: [] })
        const history = await (await send('GET', '/bookings/first/history')).json()
        expect(history).toMatchObject([
          { type: 'BookingRequested', after: { status: 'requested' } },
          { type: 'BookingHeld', after: { status: 'held' } },
          { type: 'BookingWithdrawn', after: { status: 'withdrawn' } },
        ])
      }))

    it('forgets the personal data of a guest, and nothing else', () =>
      withHotel(async ({ send }) => {
        await send('PUT', '/guests/ada', { name: 'Ada', email: 'ada@example.org' })
        expect(await (await send('GET', '/guests/ada')).json()).toEqual({
          name: 'Ada',
          email: 'ada@example.org',
        })
        expect((await send('DELETE', '/guests/ada')).status).toBe(200)
        expect(await (await send('GET', '/guests/ada')).json()).toEqual({ erased: true })
        // The address is free again.
        expect((await send('PUT', '/guests/new', { name: 'Ada', email: 'ada@example.org' })).status).toBe(201)
      }))

    it('reads what its first release has stored as the events of today', () =>
      withHotel(async ({ send, caughtUp, mails, alps }) => {
        const get = async (path: string) => (await send('GET', path)).json()
        const price = (amount: number) => ({ amount, currency: 'EUR' })
        await send('PUT', '/guests/ada', { name: 'Ada', email: 'ada@example.org' })
        await alps.store.import(hotelHistory, { name: 'first release', shape: 'stored' })
        await caughtUp()

        expect(await get('/bookings/paid')).toMatchObject({ status: 'paid', price: price(160) })
        expect(await get('/bookings/late')).toMatchObject({ status: 'withdrawn', price: price(80) })
        expect(await get('/bookings/late/history')).toMatchObject([
          { type: 'BookingRequested', version: 1, data: { price: price(80) } },
          { type: 'BookingHeld', version: 2 },
          { type: 'BookingWithdrawn', version: 3, after: { status: 'withdrawn', price: price(80) } },
        ])
        expect(await get('/guests/ada/bookings')).toEqual({
          bookings: {
            'booking-paid': { roomId: '101', nights: ['2027-12-24', '2027-12-25'], status: 'paid' },
            'booking-late': { roomId: '101', nights: ['2027-05-01'], status: 'withdrawn' },
            'booking-open': { roomId: '101', nights: ['2027-06-01'], status: 'held' },
          },
        })
        expect(await get('/search?status=withdrawn')).toMatchObject([{ booking: 'late', guestId: 'ada' }])
        expect(await get('/taken?day=2027-12-24')).toMatchObject({ rooms: ['101'] })
        expect(await get('/taken?day=2027-05-01')).toMatchObject({ rooms: [] })
        expect(mails.map(({ text }) => text)).toEqual([
          'Dear Ada, BookingHeld: paid',
          'Dear Ada, BookingPaid: paid',
          'Dear Ada, BookingHeld: late',
          'Dear Ada, BookingWithdrawn: late',
          'Dear Ada, BookingHeld: open',
        ])

        // Its commands continue what the first release began.
        const wrong = await send('POST', '/bookings/open/pay', { amount: 80 })
        expect(await wrong.json()).toMatchObject({ code: 'wrong-amount', detail: 'The price is 90 EUR' })
        const paid = await send('POST', '/bookings/open/pay', { amount: 90 })
        expect([paid.status, paid.headers.get('etag')]).toEqual([200, '"3"'])
        expect((await send('POST', '/bookings/paid/cancel')).status).toBe(200)
        await caughtUp()
        expect(await get('/search?status=withdrawn')).toMatchObject([
          { booking: 'late' },
          { booking: 'paid' },
        ])
        expect(await get('/taken?day=2027-12-24')).toMatchObject({ rooms: [] })
        expect(mails.slice(5).map(({ text }) => text)).toEqual([
          'Dear Ada, BookingPaid: open',
          'Dear Ada, BookingWithdrawn: paid',
        ])

        const report = await hotelEvents.check(alps.store)
        expect(report).toMatchObject({ ok: true, unused: [] })
        const samples = []
        for await (const event of alps.store.raw.readAll()) samples.push(stored(event))
        given(hotelEvents, samples).thenEveryUpcastRuns()
      }))

    it('answers mistakes with problems', () =>
      withHotel(async ({ send }) => {
        const wrongRoom = await send('PUT', '/rooms/1', { number: '1', beds: 0, price: 'free' })
        expect(wrongRoom.status).toBe(422)
        expect(await wrongRoom.json()).toMatchObject({
          code: 'invalid-body',
          issues: [{ path: 'body.beds' }, { path: 'body.price' }],
        })
        const unknown = await send('POST', '/bookings/none/cancel')
        expect(unknown.status).toBe(404)
        expect(await unknown.json()).toMatchObject({ code: 'no-such-booking' })
        expect((await send('GET', '/guests/ada/bookings', undefined, { Position: 'soon' })).status).toBe(400)
        expect((await send('POST', '/bookings/b/cancel', undefined, { 'If-Match': '7' })).status).toBe(400)
      }))
  })
})

describe('the traces of the hotel', () => {
  it('follow a request into the process and the mailer', async () => {
    const exporter = new InMemorySpanExporter()
    opentelemetry.context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable())
    opentelemetry.propagation.setGlobalPropagator(new W3CTraceContextPropagator())
    const provider = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] })
    opentelemetry.trace.setGlobalTracerProvider(provider)
    const observe = otel(opentelemetry, { processParent: 'event' })
    await using store = memoryStore({ events: hotelEvents, inline: [takenNights, guestEmails], observe })
    const alps = hotel(store, { sendMail: async () => {}, secret: 'secret', payWithin: 60_000 })
    await alps.rooms('1', { kind: 'open', number: '1', beds: 1, price: 50 })
    await alps.registerGuest('ada', { name: 'Ada', email: 'ada@example.org' })
    const subscriptions = alps.start()
    await opentelemetry.trace.getTracer('http').startActiveSpan('PUT /bookings/b', async (span) => {
      await alps.requestBooking('b', { guestId: 'ada', roomId: '1', nights: ['2027-12-24'] })
      span.end()
    })
    for (let round = 0; round < 3; round++) await Promise.all(subscriptions.map((one) => one.caughtUp()))
    const spans = exporter.getFinishedSpans()
    const traceOf = (name: string) => spans.find((span) => span.name === name)?.spanContext().traceId
    const trace = traceOf('PUT /bookings/b')
    expect(trace).toBeDefined()
    const inTrace = spans.filter((span) => span.spanContext().traceId === trace).map(({ name }) => name)
    expect(inTrace).toEqual(
      expect.arrayContaining(['command', 'append', 'process reserve-or-release', 'process mailer']),
    )
  })
})

interface Opened {
  alps: ReturnType<typeof hotel>
  mails: Mail[]
  caughtUp(): Promise<void>
  send(method: string, path: string, body?: unknown, headers?: Record<string, string>): Promise<Response>
  ready: ReturnType<typeof healthz>
}
