/** `given` for catalogues, projections and subscriptions, and for deciders that a catalogue has made. */
import { AssertionError } from 'node:assert'
import {
  defineEvents,
  InvalidEventError,
  memoryStore,
  payload,
  projection,
  type RecordedEvent,
} from '@eventsourced/core'
import { given, stored } from '@eventsourced/core/testing'
import { describe, expect, it } from 'vitest'
import * as z from 'zod'

const Money = z.object({ amount: z.number().positive(), currency: z.string() })

const bookings = defineEvents(
  {
    BookingRequested: z.object({ nights: z.array(z.string()).min(1), price: Money }),
    BookingWithdrawn: z.object({ reason: z.string().default('none') }),
    NightsReleased: payload<{ bookingId: string }>(),
    NightsReserved: payload<{ bookingId: string; nights: string[] }>(),
  },
  {
    upcasts: {
      BookingRequested: {
        1: (old: { night: string; price: number }) => ({ nights: [old.night], price: old.price }),
        2: (old: { nights: string[]; price: number }) => ({
          ...old,
          price: { amount: old.price, currency: 'EUR' },
        }),
      },
      BookingCancelled: 'BookingWithdrawn',
      NightsMoved: {
        NightsReleased: ({ bookingId }: { bookingId: string; to: string[] }) => ({ bookingId }),
        NightsReserved: ({ bookingId, to }: { bookingId: string; to: string[] }) => ({
          bookingId,
          nights: to,
        }),
      },
      BookingNoted: {},
    },
    writeAs: { BookingWithdrawn: 'BookingCancelled' },
  },
)
const price = { amount: 90, currency: 'EUR' }
const requested = { type: 'BookingRequested' as const, data: { nights: ['2026-12-24'], price } }
const firstVersion = stored('BookingRequested', { night: '2026-12-24', price: 90 })
const secondVersion = stored('BookingRequested', { nights: ['2026-12-24'], price: 90 }, 2)
const moved = stored('NightsMoved', { bookingId: 'b', to: ['2026-12-31'] })
const cancelled = stored('BookingCancelled', { reason: 'ill' })

const booking = bookings.decider({
  initialState: () => ({ status: 'none' as 'none' | 'open' | 'withdrawn', price: 0 }),
  decide(command: 'withdraw' | 'overcharge', { status }) {
    if (command === 'overcharge')
      return { type: 'BookingRequested', data: { nights: [], price: { amount: -1, currency: 'EUR' } } }
    if (status !== 'open') throw new Error('There is no open booking')
    return { type: 'BookingWithdrawn', data: { reason: 'none' } }
  },
  evolve: {
    BookingRequested: (state, data) => ({ ...state, status: 'open', price: state.price + data.price.amount }),
    BookingWithdrawn: (state) => ({ ...state, status: 'withdrawn' }),
    NightsReleased: (state) => state,
    NightsReserved: (state) => state,
  },
})

const message = (check: () => unknown): string => {
  try {
    check()
  } catch (error) {
    expect(error).toBeInstanceOf(AssertionError)
    return (error as Error).message
  }
  throw new Error('the check passed')
}
const messageLater = async (check: Promise<void>): Promise<string> =>
  check.then(
    () => expect.fail('the check passed'),
    (error: Error) => {
      expect(error).toBeInstanceOf(AssertionError)
      return error.message
    },
  )

describe('given a catalogue', () => {
  it('compares the events of today with what is stored', () => {
    given(bookings, [firstVersion]).then(requested)
    given(bookings, [firstVersion, secondVersion, stored('BookingNoted', {})]).then([requested, requested])
    given(bookings, [cancelled]).then([{ type: 'BookingWithdrawn', data: { reason: 'ill' } }])
    given(bookings, [moved]).then([
      { type: 'NightsReleased', data: { bookingId: 'b' } },
      { type: 'NightsReserved', data: { bookingId: 'b', nights: ['2026-12-31'] } },
    ])
    expect(message(() => given(bookings, [cancelled]).then([]))).toMatch(
      /^Given BookingCancelled, the events of today are not the expected ones\.\n[\s\S]*BookingWithdrawn/,
    )
  })

  it('takes the events that store.raw returns, also after they were JSON', async () => {
    const store = memoryStore()
    await store.import(
      [
        {
          streamId: 'b-1',
          type: 'BookingRequested',
          data: secondVersion.data,
          metadata: { $schemaVersion: 2, userId: 'u' },
        },
      ],
      { name: 'old' },
    )
    const { events } = await store.raw.readStream('b-1')
    const later: RecordedEvent[] = JSON.parse(JSON.stringify(events))
    for (const samples of [events, later])
      given(
        bookings,
        samples.map((sample) => stored(sample)),
      ).then([{ ...requested, metadata: { userId: 'u' } }])
    await store.close()
  })

  it('checks that today’s data fits the schemas', () => {
    const free = stored('BookingRequested', { night: '2026-12-24', price: 0 })
    expect(message(() => given(bookings, [free]).then([requested]))).toMatch(
      /^Given BookingRequested, today's data does not fit the schemas:\n {2}'BookingRequested' data\.price\.amount: /,
    )
  })

  it('checks what cannot be read', () => {
    given(bookings, [cancelled, stored('BookingRequested', {}, 4)]).thenUnreadable('newer-version')
    given(bookings, [stored('Unheard', {})]).thenUnreadable()
    expect(message(() => given(bookings, [stored('Unheard', {})]).thenUnreadable('upcast-failed'))).toContain(
      "an event that cannot be read ('upcast-failed') was expected, but the reason is 'unknown-type'",
    )
    expect(message(() => given(bookings, [moved]).thenUnreadable())).toContain(
      'was expected, but they are read as NightsReleased, NightsReserved',
    )
    expect(() => given(bookings, [stored('Unheard', {})]).then([])).toThrow('cannot be read')
  })

  it('checks how an event is stored', () => {
    given(bookings)
      .when(requested)
      .thenStored(stored('BookingRequested', requested.data, 3))
    given(bookings)
      .when({ type: 'BookingWithdrawn', data: { reason: 'ill' } })
      .thenStored(stored('BookingCancelled', { reason: 'ill' }))
    const defaulted = { type: 'BookingWithdrawn', data: {} } as never
    given(bookings)
      .when(defaulted)
      .thenStored(stored('BookingCancelled', { reason: 'none' }))
    expect(
      message(() => given(bookings).when(requested).thenStored(stored('BookingRequested', requested.data))),
    ).toMatch(
      /^When \{ type: 'BookingRequested'[^\n]* is appended: it is not stored as expected\.\n[\s\S]*version: 3/,
    )
    const bad = { ...requested, data: { ...requested.data, nights: [] } }
    expect(
      message(() =>
        given(bookings)
          .when(bad)
          .thenStored(stored('BookingRequested', {}, 3)),
      ),
    ).toContain('the catalogue refuses it: data.nights (')
  })

  it('checks where an event is invalid', () => {
    const bad = { ...requested, data: { nights: [], price: { amount: 0, currency: 'EUR' } } }
    given(bookings).when(bad).thenInvalid('data.price.amount', 'data.nights')
    given(bookings).when(bad).thenInvalid()
    given(bookings)
      .when({ type: 'BookingRequest', data: {} } as never)
      .thenInvalid('type')
    expect(message(() => given(bookings).when(bad).thenInvalid('data.nights'))).toMatch(
      /a refusal at data\.nights was expected, but the catalogue refuses it for data\.nights \(.*\), data\.price\.amount \(/,
    )
    expect(message(() => given(bookings).when(requested).thenInvalid('data'))).toContain(
      'a refusal at data was expected, but the catalogue accepts it',
    )
  })

  it('names the upcasts that no sample runs, and the samples that fail', () => {
    given(bookings, [firstVersion, moved, cancelled]).thenEveryUpcastRuns()
    expect(message(() => given(bookings, [secondVersion, stored('Unheard', {})]).thenEveryUpcastRuns())).toBe(
      [
        'The samples do not prove the catalogue:',
        "no sample runs the upcast of 'BookingCancelled'",
        "no sample runs the upcast of 'BookingRequested' from version 1",
        "no sample runs the upcast of 'NightsMoved'",
        "sample 1: Event 'Unheard' (version 2 of stream 'given', position 2) cannot be read: the catalogue has no such event. Upgrade this process if a newer one has written the event; otherwise add the event to the catalogue",
      ].join('\n  '),
    )
    const free = stored('BookingRequested', { night: '2026-12-24', price: 0 })
    expect(message(() => given(bookings, [free, moved, cancelled]).thenEveryUpcastRuns())).toContain(
      "sample 0: 'BookingRequested' data.price.amount: ",
    )
  })

  it('reports a sentence without a check', async () => {
    await expect(async () => await (given(bookings, [moved]) as unknown)).rejects.toThrow(
      'alone checks nothing',
    )
  })
})

describe('given a decider that a catalogue has made', () => {
  it('reads stored events, and validates the events of today', async () => {
    const once = { status: 'open', price: 90 } as const
    given(booking, [firstVersion]).thenState(once)
    given(booking, [requested]).thenState(once)
    given(booking, [firstVersion, requested, moved]).thenState({ ...once, price: 180 })
    await given(booking, [secondVersion])
      .when('withdraw')
      .then({ type: 'BookingWithdrawn', data: { reason: 'none' } })
    await given(booking, [cancelled])
      .when('withdraw')
      .thenThrows(/no open booking/)
    const bad = { ...requested, data: { ...requested.data, nights: [] } }
    expect(() => given(booking, [firstVersion, bad])).toThrow('given[1].data.nights: ')
    expect(() => given(booking, [firstVersion, bad])).toThrow(InvalidEventError)
    expect(() => given(booking, [stored('BookingRequested', {}, 4)])).toThrow('this process knows version 3')
  })

  it('validates what it decides, as a command handler does', async () => {
    await given(booking).when('overcharge').thenThrows(InvalidEventError)
    expect(message(() => given(booking).when('overcharge').thenNothing())).toMatch(
      /^Given no events, when 'overcharge': a store would refuse what decide gave: InvalidEventError: [\s\S]*decided\[0\]\.data\.price\.amount/,
    )
    expect(() =>
      given(booking, [requested])
        .when('withdraw')
        .then({ type: 'BookingWithdrawn', data: { reason: 1 as never } }),
    ).toThrow('then[0].data.reason: ')
  })

  it('refuses a stored event for a decider without a catalogue', () => {
    const { events: _, ...plain } = booking
    expect(() => given(plain, [requested, firstVersion])).toThrow(
      'given[1] needs a catalogue that reads stored(…): let catalogue.decider',
    )
  })
})

describe('given a projection', () => {
  const revenue = bookings.pick('BookingRequested', 'BookingWithdrawn').projection({
    name: 'revenue',
    key: ({ streamId }) => streamId,
    initialState: () => ({ total: 0, events: 0 }),
    evolve: {
      BookingRequested: ({ total, events }, data) => ({
        total: total + data.price.amount,
        events: events + 1,
      }),
      BookingWithdrawn: () => null,
    },
  })
  const nights = bookings.projection({
    name: 'nights',
    key: () => 'all',
    initialState: () => ({ list: [] as string[] }),
    evolve: ({ list }, { type, version }) => ({ list: [...list, `${version} ${type}`] }),
  })

  it('compares the documents', () => {
    given(revenue).then({})
    given(revenue, [
      { ...firstVersion, streamId: 'b-1' },
      moved,
      { ...requested, streamId: 'b-2' },
      { ...requested, streamId: 'b-1' },
      { ...cancelled, streamId: 'b-2' },
    ]).then({ 'b-1': { total: 180, events: 2 } })
    given(nights, [moved, requested, { ...requested, streamId: 'other' }]).then({
      all: { list: ['1 NightsReleased', '1 NightsReserved', '2 BookingRequested', '1 BookingRequested'] },
    })
    expect(message(() => given(revenue, [requested]).then({ given: { total: 91, events: 1 } }))).toMatch(
      /^Given BookingRequested, the documents of 'revenue' are not the expected ones\.\n[\s\S]*total: 90[\s\S]*total: 91/,
    )
  })

  it('takes a projection without a catalogue, and refuses a raw one', () => {
    const count = projection({
      name: 'count',
      events: ['A'],
      key: ({ tags }: RecordedEvent<{ type: 'A' | 'B'; data: object }>) => tags,
      initialState: () => ({ count: 0 }),
      evolve: ({ count }) => ({ count: count + 1 }),
    })
    given(count, [
      { type: 'A', data: {}, tags: ['x', 'y'] },
      { type: 'A', data: {}, tags: ['y'] },
      { type: 'B', data: {}, tags: ['y'] },
    ]).then({ x: { count: 1 }, y: { count: 2 } })
    const raw = projection({ name: 'raw', handle() {} })
    expect(() => given(raw as never)).toThrow('subject must be a decider, a projection into documents')
  })
})

describe('given a subscription', () => {
  const seen: string[] = []
  const mailer = bookings.pick('BookingRequested', 'NightsReleased', 'NightsReserved').subscription({
    name: 'mailer',
    streamPrefix: 'b-',
    handle(event) {
      seen.push(`${event.streamId} ${event.type}`)
      if (event.type === 'BookingRequested' && event.data.price.amount > 100) throw new RangeError('too dear')
    },
  })
  const inB = <E extends object>(event: E) => ({ ...event, streamId: 'b-1' })
  const dear = inB(stored('BookingRequested', { night: '2026-12-24', price: 101 }))

  it('passes the past events and then the event to the handler, each as it is today', async () => {
    seen.length = 0
    await given(mailer, [inB(firstVersion)])
      .when(inB(moved))
      .thenHandled()
    expect(seen).toEqual(['b-1 BookingRequested', 'b-1 NightsReleased', 'b-1 NightsReserved'])
    await given(mailer).when(dear).thenThrows(RangeError)
    await given(mailer).when(dear).thenThrows(/dear/)
    await given(mailer).when(requested).thenIgnored()
    await given(mailer).when(inB(cancelled)).thenIgnored()
  })

  it('says what came instead', async () => {
    expect(await messageLater(given(mailer).when(dear).thenHandled())).toBe(
      'Given no events, when BookingRequested comes: the handler threw RangeError: too dear',
    )
    expect(await messageLater(given(mailer).when(requested).thenHandled())).toBe(
      "Given no events, when BookingRequested comes: the subscription 'mailer' does not select it",
    )
    expect(await messageLater(given(mailer).when(inB(requested)).thenThrows(RangeError))).toBe(
      'Given no events, when BookingRequested comes: RangeError was expected, but the handler handled it',
    )
    expect(await messageLater(given(mailer).when(dear).thenThrows(TypeError))).toContain(
      'TypeError was expected, but the handler threw RangeError: too dear',
    )
    expect(await messageLater(given(mailer).when(inB(requested)).thenIgnored())).toContain(
      'should not have got it',
    )
    expect(await messageLater(given(mailer, [dear]).when(inB(requested)).thenHandled())).toContain(
      'the handler threw for the past event BookingRequested: RangeError: too dear',
    )
    await expect(
      given(mailer)
        .when(inB(stored('BookingRequested', {}, 4)))
        .thenIgnored(),
    ).rejects.toThrow('this process knows version 3')
  })

  it('takes handlers of batches and of plain options, and refuses what needs a database', async () => {
    const batches: string[][] = []
    const handleBatch = (events: readonly RecordedEvent[]) =>
      void batches.push(events.map(({ type }) => type))
    await given({ name: 'log', handleBatch }, [{ type: 'A', data: {} }])
      .when({ type: 'B', data: {} })
      .thenHandled()
    expect(batches).toEqual([['A'], ['B']])
    const transactional = { name: 'rows', transactional: true, handle() {} }
    expect(() => given(transactional)).toThrow('transactional must not be true in a test without a store')
    const usesTx = { name: 'rows', handle: (_: RecordedEvent, context: { tx: unknown }) => void context.tx }
    await given(usesTx)
      .when({ type: 'A', data: {} })
      .thenThrows(/transactional: true/)
    expect(() => given({ name: '', handle() {} })).toThrow('name must')
    expect(() => given({ projection: {} } as never)).toThrow('subject must be')
  })
})

it('stored refuses a wrong type or version', () => {
  expect(() => stored('', {})).toThrow('type')
  expect(() => stored('A', {}, 0)).toThrow('version must be a whole number')
  expect(() => stored(undefined as never)).toThrow('event must be a type, or an event of store.raw')
})
