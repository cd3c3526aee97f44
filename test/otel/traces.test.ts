/** Traces and metrics of a store with `otel`, as the OpenTelemetry SDK exports them. */
import { commandHandler, decider, memoryStore, projection, type RecordedEvent } from '@eventsourced/core'
import { otel } from '@eventsourced/core/otel'
import * as api from '@opentelemetry/api'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { onEachStore } from '../each-store.ts'
import { type Collected, pathOf, startCollecting } from './collected.ts'

type Placed = { readonly type: 'Placed'; readonly data: { readonly sku: string } }

class SoldOut extends Error {
  override readonly name = 'SoldOut'
}

const order = decider({
  initialState: () => 0,
  decide(sku: string, _: number): Placed[] {
    if (sku === 'gone') throw new SoldOut('all are sold')
    if (sku === 'bug') throw new TypeError('not a function')
    return [{ type: 'Placed', data: { sku } }]
  },
  evolve: (placed: number, _: Placed) => placed + 1,
})

const placed = (metadata?: Record<string, unknown>) => [
  { type: 'Placed', data: { sku: 'a' }, ...(metadata && { metadata }) },
]
const traceparentOf = ({ traceId, spanId, traceFlags }: api.SpanContext) =>
  `00-${traceId}-${spanId}-0${traceFlags}`

/** Runs the work in a span, as an instrumented HTTP server does. */
const inRequest = <T>(work: () => Promise<T>): Promise<T> =>
  api.trace.getTracer('http').startActiveSpan('POST /orders', async (span) => {
    try {
      return await work()
    } finally {
      span.end()
    }
  })

let collected: Collected
beforeAll(() => {
  collected = startCollecting()
})
beforeEach(() => {
  collected.spans()
})
afterAll(() => collected.end())

onEachStore((_store, withWorld) => {
  it('a trace goes from a request through the command and its append into the handler and its append', () =>
    withWorld(async ({ open }) => {
      const store = await open({ observe: otel(api) })
      const handle = commandHandler({ store, decider: order })
      await inRequest(() => handle('o-1', 'a', { commandId: 'c-1' }))
      const spans = collected.spans()
      expect(spans.map((span) => pathOf(span, spans)).sort()).toEqual([
        'POST /orders',
        'POST /orders > command',
        'POST /orders > command > append',
        'POST /orders > command > read',
      ])
      expect(spans.every(({ kind }) => kind === api.SpanKind.INTERNAL)).toBe(true)
      const command = spans.find(({ name }) => name === 'command')
      expect(command?.attributes).toEqual({
        'eventsourced.stream.id': 'o-1',
        'eventsourced.command.id': 'c-1',
      })
      const creation = command?.spanContext() as api.SpanContext
      const [event] = (await store.readStream('o-1')).events
      expect(event?.metadata.traceparent).toBe(traceparentOf(creation))
      collected.spans()

      // Another store object on the same data, where the store can do that, as in another process.
      const other = await open({ observe: otel(api) })
      await other.runOnce({
        name: 'shipping',
        async handle({ streamId }) {
          if (streamId === 'o-1') await other.append('s-1', placed())
        },
      })
      const later = collected.spans()
      const process = later.find((span) => span.links[0]?.context.spanId === creation.spanId)
      expect(process).toMatchObject({ name: 'process shipping', kind: api.SpanKind.CONSUMER })
      expect(process?.parentSpanContext).toBeUndefined()
      expect(process?.links).toMatchObject([
        { context: { traceId: creation.traceId }, attributes: { 'messaging.message.id': event?.id } },
      ])
      expect(process?.attributes).toEqual({
        'messaging.system.name': 'eventsourced',
        'messaging.operation.type': 'process',
        'messaging.operation.name': 'process',
        'messaging.consumer.group.name': 'shipping',
        'messaging.destination.partition.id': '0',
        'messaging.message.id': event?.id,
        'eventsourced.stream.id': 'o-1',
        'eventsourced.event.type': 'Placed',
        'eventsourced.event.position': event?.position,
        'eventsourced.attempt': 1,
      })
      const append = later.find((span) => pathOf(span, later) === 'process shipping > append')
      const [shipped] = (await store.readStream('s-1')).events
      expect(shipped?.metadata.traceparent).toBe(traceparentOf(append?.spanContext() as api.SpanContext))
      expect(append?.spanContext().traceId).toBe(process?.spanContext().traceId)
    }))

  it('a retried command is one span with an append for each attempt, and the conflict is no error', () =>
    withWorld(async ({ open }) => {
      const store = await open({ observe: otel(api) })
      let left = 1
      const handle = commandHandler({
        store: {
          ...store,
          async append(streamId, events, options) {
            if (left-- > 0) await api.context.with(api.ROOT_CONTEXT, () => store.append(streamId, placed()))
            return store.append(streamId, events, options)
          },
        },
        decider: order,
      })
      await handle('o', 'a')
      const spans = collected.spans()
      const appends = spans.filter((span) => pathOf(span, spans) === 'command > append')
      expect(appends.map(({ attributes }) => attributes['eventsourced.outcome'])).toEqual([
        'conflict',
        undefined,
      ])
      expect(spans.every(({ status }) => status.code === api.SpanStatusCode.UNSET)).toBe(true)
    }))

  it('a failing handler has an error on each attempt, and its parked event is counted', () =>
    withWorld(async ({ open }) => {
      const store = await open({ observe: otel(api) })
      await store.append('o', placed())
      collected.spans()
      const failing = {
        name: `failing-${Math.random()}`,
        handle() {
          throw new SoldOut('on purpose')
        },
        onError: { retries: 1, backoff: 1, action: 'park' },
      } as const
      await store.runOnce(failing)
      const attempts = collected.spans().filter(({ name }) => name === `process ${failing.name}`)
      expect(attempts.map(({ attributes }) => attributes['eventsourced.attempt'])).toEqual([1, 2])
      for (const { status, attributes, events } of attempts) {
        expect(status).toEqual({ code: api.SpanStatusCode.ERROR, message: 'on purpose' })
        expect(attributes['error.type']).toBe('SoldOut')
        expect(events.map(({ name }) => name)).toEqual(['exception'])
      }
      const parked = (await collected.metrics()).get('eventsourced.parked')
      expect(parked?.points).toContainEqual({
        attributes: { 'eventsourced.subscription': failing.name },
        value: 1,
      })
    }))
})

describe('an observer of OpenTelemetry', () => {
  const open = (options?: Parameters<typeof otel>[1]) => memoryStore({ observe: otel(api, options) })

  it('shows a refusal of the decider as an outcome, and a mistake in it as an error', async () => {
    const handle = commandHandler({ store: open(), decider: order })
    await expect(handle('o', 'gone')).rejects.toThrow(SoldOut)
    await expect(handle('o', 'bug')).rejects.toThrow(TypeError)
    const commands = collected.spans().filter(({ name }) => name === 'command')
    expect(commands.map(({ status }) => status.code)).toEqual([
      api.SpanStatusCode.UNSET,
      api.SpanStatusCode.ERROR,
    ])
    expect(commands[0]?.attributes['eventsourced.outcome']).toBe('refused')
    expect(commands[1]?.attributes['error.type']).toBe('TypeError')
    const strict = commandHandler({ store: open({ isError: () => true }), decider: order })
    await expect(strict('o', 'gone')).rejects.toThrow(SoldOut)
    expect(collected.spans().at(-1)?.status.code).toBe(api.SpanStatusCode.ERROR)
  })

  it('keeps the decision of the sampler in the event, and does not take it over from there', async () => {
    const store = open()
    const handle = commandHandler({ store, decider: order })
    const notSampled = { traceId: '1'.repeat(32), spanId: '2'.repeat(16), traceFlags: 0 }
    await api.context.with(api.trace.setSpanContext(api.ROOT_CONTEXT, notSampled), () => handle('o', 'a'))
    expect(collected.spans()).toEqual([])
    const [event] = (await store.readStream('o')).events
    expect(event?.metadata.traceparent).toMatch(/^00-1{32}-[0-9a-f]{16}-00$/)
    await store.runOnce({ name: 's', handle() {} })
    const process = collected.spans().find(({ name }) => name === 'process s')
    expect(process?.links[0]?.context).toMatchObject({ traceId: notSampled.traceId, traceFlags: 0 })
  })

  it.each([5, '', 'x', '00-0-0-0', `00-${'0'.repeat(32)}-${'0'.repeat(16)}-01`, null, {}])(
    'has no link to an event whose traceparent is %j',
    async (traceparent) => {
      const store = open()
      await store.append('o', placed({ traceparent }))
      const [stored] = (await store.readStream('o')).events
      expect(stored?.metadata.traceparent).toEqual(traceparent)
      for (const processParent of ['none', 'event'] as const) {
        const handled: RecordedEvent[] = []
        const observed = memoryStore({ observe: otel(api, { processParent }) })
        await observed.append('o', placed({ traceparent }))
        collected.spans()
        await observed.runOnce({ name: 's', handle: (event) => void handled.push(event) })
        const [process] = collected.spans()
        expect(process).toMatchObject({ name: 'process s', links: [] })
        expect(process?.parentSpanContext).toBeUndefined()
        expect(handled.length).toBe(1)
      }
    },
  )

  it('links a batch to the creation of each event, and says how many there are', async () => {
    const store = open()
    for (let number = 0; number < 3; number++) await store.append('o', placed())
    await store.import([{ streamId: 'p', type: 'Placed', data: {}, id: crypto.randomUUID() }])
    collected.spans()
    const counts = projection({
      name: 'counts',
      version: 1,
      events: ['Placed'],
      key: ({ streamId }: RecordedEvent<Placed>) => streamId,
      initialState: () => ({ count: 0 }),
      evolve: ({ count }, _: RecordedEvent<Placed>) => ({ count: count + 1 }),
    })
    await store.runOnce({ name: 'batches', handleBatch() {} })
    await store.runOnce({ projection: counts })
    const spans = collected.spans().filter(({ kind }) => kind === api.SpanKind.CONSUMER)
    expect(spans.map(({ name }) => name)).toEqual(['process batches', 'project counts'])
    for (const { links, attributes } of spans) {
      expect(links.length).toBe(3)
      expect(attributes['messaging.batch.message_count']).toBe(4)
      expect(attributes).not.toHaveProperty('messaging.message.id')
    }
    await store.rebuild(counts)
    await store.verify(counts)
    const built = collected
      .spans()
      .map(({ name, attributes }) => [name, attributes['eventsourced.projection']])
    expect(built).toEqual([
      ['rebuild counts', 'counts'],
      ['verify counts', 'counts'],
    ])
  })

  it('makes the span of a single event a child of its creation, if the program wants that', async () => {
    const store = open({ processParent: 'event' })
    await inRequest(() => store.append('o', placed()))
    await store.runOnce({ name: 's', handle() {} })
    const spans = collected.spans()
    expect(spans.map((span) => pathOf(span, spans))).toContain('POST /orders > append > process s')
  })

  it('does not make a handler a child of the code that has started its subscription', async () => {
    const store = open()
    await store.append('o', placed())
    await inRequest(() => store.runOnce({ name: 's', handle() {} }))
    const process = collected.spans().find(({ name }) => name === 'process s')
    expect(process?.parentSpanContext).toBeUndefined()
  })

  it('does not keep baggage in events', async () => {
    const propagator: api.TextMapPropagator = {
      inject: (_context, carrier) => Object.assign(carrier as object, { baggage: 'user=1', b3: '0' }),
      extract: (context) => context,
      fields: () => ['baggage', 'b3'],
    }
    const { propagation } = api
    const store = memoryStore({
      observe: otel({
        ...api,
        propagation: { inject: propagator.inject as never, extract: propagation.extract as never },
      }),
    })
    await store.append('o', placed())
    expect((await store.readStream('o')).events[0]?.metadata).toEqual({ b3: '0' })
  })

  it('records metrics in seconds', async () => {
    const store = open()
    const handle = commandHandler({ store, decider: order })
    await handle('o', 'a')
    await expect(store.append('o', placed(), { expectedVersion: 7 })).rejects.toThrow()
    const subscription = store.subscribe({ name: 'lagging', handle() {} })
    await subscription.caughtUp()
    await new Promise((resolve) => setTimeout(resolve, 1_100))
    await subscription.stop()
    store.observe?.measure?.({ kind: 'retry', table: '', key: 'k', reason: 'r', attempt: 1 })
    const metrics = await collected.metrics()
    const units = Object.fromEntries([...metrics].map(([name, { unit }]) => [name, unit]))
    expect(units).toMatchObject({
      'messaging.process.duration': 's',
      'eventsourced.append.duration': 's',
      'eventsourced.append.batch': '{append}',
      'eventsourced.commit.duration': 's',
      'eventsourced.command.duration': 's',
      'eventsourced.read.duration': 's',
      'eventsourced.conflicts': '{append}',
      'eventsourced.retries': '{request}',
      'eventsourced.subscription.lag': '{event}',
      'eventsourced.subscription.lag.time': 's',
    })
    const process = metrics
      .get('messaging.process.duration')
      ?.points.find(({ attributes }) => Object.values(attributes).includes('lagging'))
    expect(process?.attributes).toEqual({
      'messaging.system.name': 'eventsourced',
      'messaging.operation.name': 'process',
      'messaging.consumer.group.name': 'lagging',
    })
    const { sum, count } = (process as NonNullable<typeof process>).value as { sum: number; count: number }
    expect(count).toBe(1)
    expect(sum).toBeGreaterThan(0)
    expect(sum).toBeLessThan(1)
    expect(metrics.get('eventsourced.retries')?.points).toContainEqual({
      attributes: { 'eventsourced.retry.reason': 'retry' },
      value: 1,
    })
    expect(memoryStore({ observe: otel(api, { metrics: false }) }).observe?.measure).toBeUndefined()
  })

  it('refuses what is not the API', () => {
    for (const wrong of [undefined, null, {}, { trace: {} }, 'api']) {
      expect(() => otel(wrong as never)).toThrow(/`?api`?/)
    }
    expect(() => otel(api, { processParent: 'x' as never })).toThrow(/processParent/)
    expect(() => otel(api, { metrics: 1 as never })).toThrow(/metrics/)
    expect(() => otel(api, { isError: 1 as never })).toThrow(/isError/)
  })
})
