/** An OpenTelemetry SDK in this process that keeps what it gets, for tests. */
import * as api from '@opentelemetry/api'
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks'
import { W3CTraceContextPropagator } from '@opentelemetry/core'
import {
  AggregationTemporality,
  InMemoryMetricExporter,
  MeterProvider,
  PeriodicExportingMetricReader,
} from '@opentelemetry/sdk-metrics'
import {
  BasicTracerProvider,
  InMemorySpanExporter,
  type ReadableSpan,
  SimpleSpanProcessor,
} from '@opentelemetry/sdk-trace-base'

export interface Collected {
  /** Returns the spans that have ended since the last call, in the order of their ends. */
  spans(): ReadableSpan[]
  /** Returns the metrics so far: their unit and the points, by name. */
  metrics(): Promise<Map<string, { unit: string; points: { attributes: object; value: unknown }[] }>>
  end(): Promise<void>
}

/** Registers the SDK with `@opentelemetry/api`, as a program does. */
export function startCollecting(): Collected {
  const spanExporter = new InMemorySpanExporter()
  const tracerProvider = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(spanExporter)] })
  const metricExporter = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE)
  const reader = new PeriodicExportingMetricReader({
    exporter: metricExporter,
    exportIntervalMillis: 3_600_000,
  })
  const meterProvider = new MeterProvider({ readers: [reader] })
  api.context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable())
  api.propagation.setGlobalPropagator(new W3CTraceContextPropagator())
  api.trace.setGlobalTracerProvider(tracerProvider)
  api.metrics.setGlobalMeterProvider(meterProvider)
  return {
    spans() {
      const spans = spanExporter.getFinishedSpans()
      spanExporter.reset()
      return spans
    },
    async metrics() {
      metricExporter.reset()
      await meterProvider.forceFlush()
      const found = new Map<string, { unit: string; points: { attributes: object; value: unknown }[] }>()
      for (const { scopeMetrics } of metricExporter.getMetrics()) {
        for (const { scope, metrics } of scopeMetrics) {
          if (scope.name !== '@eventsourced/core') continue
          for (const { descriptor, dataPoints } of metrics) {
            const points = dataPoints.map(({ attributes, value }) => ({ attributes, value }))
            found.set(descriptor.name, { unit: descriptor.unit, points })
          }
        }
      }
      return found
    },
    async end() {
      await tracerProvider.shutdown()
      await meterProvider.shutdown()
      for (const part of [api.context, api.propagation, api.trace, api.metrics]) part.disable()
    },
  }
}

/** Returns a span as text: its name, then those of its parents as far as they are among `spans`. */
export function pathOf(span: ReadableSpan, spans: readonly ReadableSpan[]): string {
  const parent = spans.find((one) => one.spanContext().spanId === span.parentSpanContext?.spanId)
  return parent === undefined ? span.name : `${pathOf(parent, spans)} > ${span.name}`
}
