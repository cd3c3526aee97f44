/**
 * Traces of a store with OpenTelemetry: a request, its command, and the handler of another process. This program prints its
 * spans; yours exports them. Needs no server.
 */
import { commandHandler, decider, memoryStore } from '@eventsourced/core'
import { otel } from '@eventsourced/core/otel'
import * as api from '@opentelemetry/api'
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks'
import { W3CTraceContextPropagator } from '@opentelemetry/core'
import { BasicTracerProvider, InMemorySpanExporter, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-base'

// Once in a program, before the store is used.
const exporter = new InMemorySpanExporter()
api.context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable())
api.propagation.setGlobalPropagator(new W3CTraceContextPropagator())
api.trace.setGlobalTracerProvider(
  new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] }),
)

const store = memoryStore({ observe: otel(api) })

const order = decider({
  initialState: () => 'new',
  decide: (item: string) => ({ type: 'Placed' as const, data: { item } }),
  evolve: () => 'placed',
})
const handle = commandHandler({ store, decider: order })

await api.trace.getTracer('http').startActiveSpan('POST /orders', async (span) => {
  await handle('order-1', 'a book')
  span.end()
})
await store.runOnce({
  name: 'shipping',
  types: ['Placed'],
  async handle(event) {
    await store.append('parcel-1', [{ type: 'Packed', data: {}, metadata: { causationId: event.id } }])
  },
})

const spans = exporter.getFinishedSpans()
const nameOf = (spanId: string | undefined) =>
  spans.find((span) => span.spanContext().spanId === spanId)?.name
for (const { name, parentSpanContext, links } of spans) {
  const linked = links.map(({ context }) => nameOf(context.spanId)).join()
  console.log(`${name} | parent: ${nameOf(parentSpanContext?.spanId) ?? '-'} | links: ${linked || '-'}`)
}
