/** What an observer costs: the same appends on a store with one and on a store without. */
import type { Observer } from '@eventsourced/core'
import { otel } from '@eventsourced/core/otel'
import { postgresStore } from '@eventsourced/core/postgres'
import * as api from '@opentelemetry/api'
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks'
import { W3CTraceContextPropagator } from '@opentelemetry/core'
import {
  AggregationTemporality,
  InMemoryMetricExporter,
  MeterProvider,
  PeriodicExportingMetricReader,
} from '@opentelemetry/sdk-metrics'
import { BasicTracerProvider, BatchSpanProcessor } from '@opentelemetry/sdk-trace-base'
import type { Case, Contestant } from '../case.ts'
import { closedLoop } from '../closed-loop.ts'
import { newOrderId, orderEvent } from '../contestants/order-events.ts'

const callers = 32

export const observeCases: readonly Case[] = [
  {
    name: 'observe-otel',
    group: 'observe',
    work: 'one event a call, 32 callers, new streams; every append in an OpenTelemetry span, with metrics and a trace context in the event, against no observer',
    unit: 'events/s',
    better: 'lower',
    target: 1.15,
    ours: append('with otel', openTelemetry),
    peer: append('without', () => undefined),
  },
  {
    name: 'observe-metrics',
    group: 'observe',
    work: 'one event a call, 32 callers, new streams; an `onMetric` that counts, against no observer',
    unit: 'events/s',
    better: 'lower',
    target: 1.05,
    ours: append('with onMetric', counting),
    peer: append('without', () => undefined),
  },
]

/** An observer, and what its program must run while the store is used. */
interface Observing {
  readonly observe: Observer
  begin?(): void
  end?(): void
  tearDown?(): Promise<void>
}

function counting(): Observing {
  const counts = new Map<string, number>()
  return {
    observe: {
      measure({ kind }) {
        counts.set(kind, (counts.get(kind) ?? 0) + 1)
      },
    },
  }
}

/** The SDK with all spans sampled. It batches them, and drops each batch in place of sending it. */
function openTelemetry(): Observing {
  const exporter = {
    export: (_spans: unknown, done: (result: { code: number }) => void) => done({ code: 0 }),
    shutdown: async () => {},
  }
  const tracerProvider = new BasicTracerProvider({
    spanProcessors: [new BatchSpanProcessor(exporter, { maxQueueSize: 65_536 })],
  })
  const reader = new PeriodicExportingMetricReader({
    exporter: new InMemoryMetricExporter(AggregationTemporality.DELTA),
  })
  const meterProvider = new MeterProvider({ readers: [reader] })
  api.propagation.setGlobalPropagator(new W3CTraceContextPropagator())
  api.trace.setGlobalTracerProvider(tracerProvider)
  api.metrics.setGlobalMeterProvider(meterProvider)
  return {
    observe: otel(api),
    // The async context slows down the whole process, so only these turns have it.
    begin: () => void api.context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable()),
    end: () => api.context.disable(),
    async tearDown() {
      await tracerProvider.shutdown()
      await meterProvider.shutdown()
      for (const part of [api.propagation, api.trace, api.metrics]) part.disable()
    },
  }
}

function append(name: string, observing: () => Observing | undefined): Contestant {
  return {
    name,
    async setUp({ url, seconds }) {
      const own = observing()
      const store = postgresStore(url, { observe: own?.observe })
      await store.schema.create()
      return {
        async turn() {
          own?.begin?.()
          try {
            const loop = await closedLoop(callers, seconds, () => store.append(newOrderId(), [orderEvent(1)]))
            return { value: loop.perSecond, loop }
          } finally {
            own?.end?.()
          }
        },
        async tearDown() {
          await store.close()
          await own?.tearDown?.()
        },
      }
    },
  }
}
