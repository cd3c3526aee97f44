/** What the API of the console answers, on every database. */
import { decider, projection, type RecordedEvent } from '@eventsourced/core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Console, console } from '../../src/console/console.ts'
import { eventPageShape, eventShape, traceShape } from '../../src/console/shapes/event.ts'
import { documentPageShape, documentShape, projectionsShape } from '../../src/console/shapes/projection.ts'
import { overviewShape, sampleShape, storeShape } from '../../src/console/shapes/store.ts'
import { stateShape, streamPageShape, timelineShape } from '../../src/console/shapes/stream.ts'
import {
  parkedDetailShape,
  parkedPageShape,
  subscriptionDetailShape,
  subscriptionsShape,
} from '../../src/console/shapes/subscription.ts'
import type { AnyStore } from '../../src/target/known.ts'
import { openTarget } from '../../src/target/open.ts'
import { databases, type StartedDatabase } from '../databases.ts'
import { ask, framesOf, pathOf } from './api.ts'

type Placed = RecordedEvent<{ type: 'Placed'; data: { sku: string; quantity: number } }>

const order = decider({
  initialState: () => ({ items: new Map<string, number>() }),
  decide: () => undefined,
  evolve: ({ items }, { type, data }: RecordedEvent) => {
    if (type !== 'Placed') return { items }
    const { sku, quantity } = data as Placed['data']
    return { items: new Map([...items, [sku, quantity]]) }
  },
})
const sales = projection({
  name: 'sales',
  version: 1,
  events: ['Placed'],
  key: ({ data }: Placed) => data.sku,
  initialState: () => ({ sold: 0 }),
  evolve: ({ sold }, { data }) => ({ sold: sold + data.quantity }),
})
const oddId = 'odd/ä?&=#%2F id'

describe.each(databases)('the reading API on $name', ({ start }) => {
  let database: StartedDatabase
  let store: AnyStore
  let app: Console
  const positions: number[] = []
  let letterPosition = 0

  beforeAll(async () => {
    database = await start()
    store = (await openTarget({ url: database.url }, true)).store
    app = console({ store, name: 'shop', deciders: { order }, projections: [sales], timeout: 20_000 })
    for (let number = 1; number <= 5; number++) {
      const { position } = await store.append(`order-${number}`, [
        { type: 'Placed', data: { sku: `sku-${number}`, quantity: number } },
      ])
      positions.push(position)
    }
    const { position } = await store.append('order-2', [
      { type: 'Placed', data: { sku: 'book', quantity: 7 }, metadata: { correlationId: 'c-1' } },
      { type: 'Noted', data: { text: 'x'.repeat(5_000) }, metadata: { userId: 'ada' }, tags: ['vip'] },
    ])
    positions.push(position)
    await store.append(oddId, [{ type: 'Placed', data: { sku: 'odd', quantity: 1 } }])
    await store.createStream('empty', { metadata: { owner: 'ada' } })
    await store.runOnce({ projection: sales })
    await store.runOnce({
      name: 'letters',
      types: ['Noted', 'Placed'],
      onError: { retries: 0, action: 'park' },
      handle({ type, data, position }) {
        if (type === 'Noted') letterPosition = position
        if (type === 'Noted' || (data as Placed['data']).sku === 'odd')
          throw new RangeError('no letter today')
      },
    })
  }, 60_000)
  afterAll(async () => {
    await app?.close()
    await store?.close()
    await database?.stop()
  })

  it('names the store, and what it can do', async () => {
    expect(await ask(app, storeShape, '/store')).toMatchObject({
      ...{ name: 'shop', isReadOnly: false, deciders: ['order'], projections: ['sales'], hasMetrics: false },
    })
  })

  it('shows the health of the store, and the frontier', async () => {
    const { status, checks, frontier } = await ask(app, overviewShape, '/overview')
    expect(status).toBe('failed')
    expect(checks.find(({ subject }) => subject === 'letters')).toMatchObject({
      ...{ name: 'subscription', status: 'failed', reason: expect.stringContaining('worker') },
    })
    expect(frontier.position).toBeGreaterThanOrEqual(frontier.last?.position ?? Number.NaN)
  })

  it('lists streams by id, page by page', async () => {
    const first = await ask(app, streamPageShape, '/streams', { limit: 4, prefix: 'order-' })
    expect(first.streams.map(({ streamId }) => streamId)).toEqual([
      'order-1',
      'order-2',
      'order-3',
      'order-4',
    ])
    const last = await ask(app, streamPageShape, '/streams', {
      limit: 4,
      prefix: 'order-',
      after: first.next,
    })
    expect([last.streams.map(({ streamId }) => streamId), last.next]).toEqual([['order-5'], undefined])
    expect(await ask(app, streamPageShape, '/streams', { prefix: 'empty' })).toMatchObject({
      streams: [{ version: 0, metadata: { owner: 'ada' } }],
    })
  })

  it('lists the newest streams, each once, at its last event', async () => {
    const ids: string[] = []
    for (let after: string | undefined, pages = 0; pages === 0 || after !== undefined; pages++) {
      expect(pages).toBeLessThan(10)
      const page = await ask(app, streamPageShape, '/streams', { order: 'newest', limit: 2, after })
      ids.push(...page.streams.map(({ streamId }) => streamId))
      after = page.next
    }
    expect(ids).toEqual([oddId, 'order-2', 'order-5', 'order-4', 'order-3', 'order-1'])
    const prefixed = await ask(app, streamPageShape, '/streams', { order: 'newest', prefix: 'order-' })
    expect(prefixed.streams.map(({ streamId }) => streamId)).toEqual(ids.slice(1))
  })

  it('lists the largest streams', async () => {
    const { streams, next } = await ask(app, streamPageShape, '/streams', { order: 'largest', limit: 2 })
    expect(streams.map(({ streamId, version }) => [streamId, version])).toEqual([
      ['order-2', 3],
      [oddId, 1],
    ])
    expect(next).toBeUndefined()
    expect((await app.request(pathOf('/streams', { order: 'largest', after: 'a' }))).status).toBe(400)
  })

  it('shows the timeline of a stream in both directions', async () => {
    const first = await ask(app, timelineShape, '/stream', { id: 'order-2', limit: 2 })
    expect([first.stream.version, first.events.map(({ version }) => version), first.next]).toEqual([
      3,
      [1, 2],
      3,
    ])
    const last = await ask(app, timelineShape, '/stream', { id: 'order-2', limit: 2, from: first.next })
    expect([last.events.map(({ version }) => version), last.next]).toEqual([[3], undefined])
    const back = await ask(app, timelineShape, '/stream', { id: 'order-2', limit: 2, direction: 'backward' })
    expect([back.events.map(({ version }) => version), back.next]).toEqual([[3, 2], 1])
    const rest = { id: 'order-2', limit: 2, direction: 'backward', from: back.next }
    const end = await ask(app, timelineShape, '/stream', rest)
    expect([end.events.map(({ version }) => version), end.next]).toEqual([[1], undefined])
    const before = await ask(app, timelineShape, '/stream', { id: 'order-2', asOf: '2020-01-01T00:00:00Z' })
    expect(before.events).toEqual([])
    expect((await ask(app, timelineShape, '/stream', { id: oddId })).events).toHaveLength(1)
    expect((await ask(app, timelineShape, '/stream', { id: 'empty' })).events).toEqual([])
  })

  it('cuts large data in lists, and has them whole in a single read', async () => {
    const { events } = await ask(app, timelineShape, '/stream', { id: 'order-2', from: 3 })
    expect(events[0]).toMatchObject({ isCut: true, tags: ['vip'], metadata: { userId: 'ada' } })
    expect(events[0]?.data).toHaveLength(2_000)
    const whole = await ask(app, eventShape, '/event', { position: events[0]?.position })
    expect(whole).toMatchObject({ isCut: false, data: { text: 'x'.repeat(5_000) } })
    expect(await ask(app, eventShape, '/event', { id: whole.id })).toEqual(whole)
  })

  it('folds the state of a version and of the one before, and names the changes', async () => {
    expect(
      await ask(app, stateShape, '/state', { id: 'order-2', decider: 'order', version: 2 }),
    ).toMatchObject({
      version: 2,
      state: { items: { 'sku-2': 2, book: 7 } },
      previous: { items: { 'sku-2': 2 } },
      changes: [{ path: '/items/book', kind: 'added', after: 7 }],
    })
    const last = await ask(app, stateShape, '/state', { id: 'order-2', decider: 'order' })
    expect([last.version, last.changes]).toEqual([3, []])
    const none = await ask(app, stateShape, '/state', { id: 'order-2', decider: 'order', version: 0 })
    expect([none.state, none.changes, none.recordedAt]).toEqual([{ items: {} }, [], undefined])
    const empty = await ask(app, stateShape, '/state', { id: 'empty', decider: 'order' })
    expect([empty.version, empty.state]).toEqual([0, { items: {} }])
  })

  it('lists the log, the newest event first', async () => {
    const first = await ask(app, eventPageShape, '/log', { limit: 3 })
    expect(first.events.map(({ streamId }) => streamId)).toEqual([oddId, 'order-2', 'order-2'])
    const next = await ask(app, eventPageShape, '/log', { limit: 500, before: first.next })
    expect(next.events.map(({ position }) => position)).toEqual(positions.slice(0, 5).reverse())
    expect(next.next).toBeUndefined()
    const noted = await ask(app, eventPageShape, '/log', { type: 'Noted', prefix: 'order-' })
    expect(noted.events.map(({ type }) => type)).toEqual(['Noted'])
  })

  it('finds the events of a correlation id in a part of the log, and says which part', async () => {
    const [cause] = (await store.readStream('order-2', { fromVersion: 2 })).events
    const { position } = await store.append('shipment-1', [
      { type: 'Shipped', data: {}, metadata: { correlationId: 'c-1', causationId: cause?.id } },
    ])
    const trace = await ask(app, traceShape, '/trace', { correlation: 'c-1' })
    expect(trace.events.map(({ type, depth, cause }) => [type, depth, cause])).toEqual([
      ['Placed', 0, undefined],
      ['Shipped', 1, cause?.id],
    ])
    expect([trace.isWhole, trace.from, trace.to]).toEqual([true, 1, position])
    const narrow = await ask(app, traceShape, '/trace', { correlation: 'c-1', around: position, width: 1 })
    expect([narrow.events.map(({ type }) => type), narrow.isWhole]).toEqual([['Shipped'], false])
    // Around the event of that id, wherever it is.
    const byId = await ask(app, traceShape, '/trace', { correlation: String(cause?.id), width: 1 })
    expect(byId.events.map(({ type }) => type)).toEqual(['Placed'])
    expect((await ask(app, traceShape, '/trace', { correlation: 'none', around: 10 ** 12 })).events).toEqual(
      [],
    )
  })

  it('lists projections and their documents', async () => {
    expect((await ask(app, projectionsShape, '/projections')).projections).toMatchObject([
      {
        name: 'sales',
        version: 1,
        mode: 'async',
        isKnown: true,
        isBuildNeeded: false,
        lag: expect.any(Number),
      },
    ])
    const first = await ask(app, documentPageShape, '/documents', { projection: 'sales', limit: 2 })
    expect([first.documents.map(({ key }) => key), first.next]).toEqual([['book', 'odd'], 'odd'])
    const prefixed = { projection: 'sales', prefix: 'sku-', after: 'sku-3' }
    const last = await ask(app, documentPageShape, '/documents', prefixed)
    expect([last.documents.map(({ key }) => key), last.next]).toEqual([['sku-4', 'sku-5'], undefined])
    const document = await ask(app, documentShape, '/document', { projection: 'sales', key: 'book' })
    expect(document).toMatchObject({ state: { sold: 7 }, revision: 1, isCut: false })
  })

  it('lists subscriptions, with their partitions', async () => {
    const { subscriptions } = await ask(app, subscriptionsShape, '/subscriptions')
    expect(subscriptions.map(({ name, parked }) => [name, parked])).toEqual([
      ['letters', 2],
      ['sales', 0],
    ])
    const detail = await ask(app, subscriptionDetailShape, '/subscription', { name: 'letters' })
    expect(detail).toMatchObject({
      subscription: { types: ['Noted', 'Placed'], unowned: 1 },
      partitions: [{ partition: 0 }],
    })
  })

  it('lists parked events, and shows one with its stack and its data', async () => {
    const first = await ask(app, parkedPageShape, '/parked', { subscription: 'letters', limit: 1 })
    expect(first.parked).toMatchObject([{ position: letterPosition, error: 'RangeError: no letter today' }])
    expect(first.next).toBe(letterPosition)
    const last = await ask(app, parkedPageShape, '/parked', { subscription: 'letters', after: first.next })
    expect([last.parked.map(({ streamId }) => streamId), last.next]).toEqual([[oddId], undefined])
    const one = { subscription: 'letters', position: letterPosition }
    expect(await ask(app, parkedDetailShape, '/parked-event', one)).toMatchObject({
      parked: { type: 'Noted', state: 'parked' },
      stack: expect.stringContaining('RangeError'),
      events: [{ type: 'Noted', isCut: false }],
    })
  })

  it('sends events as they are appended, and resumes after the last one that a client has', async () => {
    const response = await app.request(pathOf('/log/live', { type: 'Told' }))
    const received = framesOf(response, (frames) => frames.some(({ event }) => event === 'event'))
    // The client has connected when it has the first line. Only events after that are due.
    await new Promise((resolve) => setTimeout(resolve, 300))
    await store.append('live', [{ type: 'Told', data: 1 }])
    const [frame] = (await received).filter(({ event }) => event === 'event')
    const event = eventShape.parse(frame?.data)
    expect([event.type, frame?.id]).toEqual(['Told', String(event.position)])
    await store.append('live', [
      { type: 'Other', data: 1 },
      { type: 'Told', data: 2 },
    ])
    const headers = { 'Last-Event-ID': String(event.position) }
    const again = await app.request(pathOf('/log/live', { type: 'Told' }), { headers })
    const resumed = await framesOf(again, (frames) => frames.some(({ event }) => event === 'event'))
    expect(resumed.at(-1)?.data).toMatchObject({ type: 'Told', data: 2 })
  }, 20_000)

  it('sends samples, all pages the same ones', async () => {
    const isEnough = (frames: readonly { event?: string }[]) =>
      frames.filter(({ event }) => event === 'sample').length === 2
    const [one, other] = await Promise.all(
      [1, 2].map(async () => framesOf(await app.request(pathOf('/samples')), isEnough)),
    )
    expect(one).toEqual(other)
    const sample = sampleShape.parse(one?.at(-1)?.data)
    expect(Object.keys(sample.lags).sort()).toEqual(['letters', 'sales'])
  }, 20_000)

  it.each([
    ['/stream', { id: 'none' }],
    ['/state', { id: 'none', decider: 'order' }],
    ['/state', { id: 'order-1', decider: 'none' }],
    ['/state', { id: 'order-1', decider: 'constructor' }],
    ['/state', { id: 'order-1', decider: 'order', version: 2 }],
    ['/event', { position: 10 ** 12 }],
    ['/event', { id: '00000000-0000-4000-8000-000000000000' }],
    ['/document', { projection: 'sales', key: 'none' }],
    ['/subscription', { name: 'none' }],
    ['/parked-event', { subscription: 'letters', position: 1_000_000 }],
  ] as const)('answers 404 to %s %o', async (path, query) => {
    expect((await app.request(pathOf(path, query))).status).toBe(404)
  })

  it.each([
    ['/streams', { limit: 0 }],
    ['/streams', { limit: 501 }],
    ['/streams', { order: 'newest', after: 'x' }],
    ['/streams', { oder: 'newest' }],
    ['/stream', {}],
    ['/stream', { id: '' }],
    ['/stream', { id: 'order-1', from: 0 }],
    ['/stream', { id: 'order-1', asOf: 'yesterday' }],
    ['/event', {}],
    ['/event', { id: 'a', position: 1 }],
    ['/event', { position: '1e3' }],
    ['/log', { before: -1 }],
    ['/log/live', { after: 'x' }],
  ] as const)('answers 400 to %s %o', async (path, query) => {
    expect((await app.request(pathOf(path, query as Record<string, string>))).status).toBe(400)
  })
})
