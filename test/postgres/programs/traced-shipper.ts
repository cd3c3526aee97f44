/** Handles the events of a database in a process with its own OpenTelemetry SDK, and sends its spans. */

import { otel } from '@eventsourced/core/otel'
import { postgresStore } from '@eventsourced/core/postgres'
import * as api from '@opentelemetry/api'
import { startCollecting } from '../../otel/collected.ts'

export interface SentSpan {
  readonly name: string
  readonly traceId: string
  readonly spanId: string
  readonly parentId: string | undefined
  readonly links: readonly string[]
}

const [url = ''] = process.argv.slice(2)
const collected = startCollecting()
const store = postgresStore(url, { observe: otel(api) })
await store.runOnce({
  name: 'shipping',
  types: ['Placed'],
  async handle() {
    await store.append('parcel', [{ type: 'Packed', data: {} }])
  },
})
const spans: SentSpan[] = collected.spans().map((span) => ({
  name: span.name,
  traceId: span.spanContext().traceId,
  spanId: span.spanContext().spanId,
  parentId: span.parentSpanContext?.spanId,
  links: span.links.map(({ context }) => context.spanId),
}))
await store.close()
await collected.end()
process.send?.(spans)
process.disconnect()
