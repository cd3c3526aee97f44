/**
 * The part of `@opentelemetry/api` that the observer uses, as structural types: the library imports no other package. A type
 * test compares them with the real ones.
 */

/** Attributes of a span, a link or a measurement. */
export interface OpenTelemetryAttributes {
  [name: string]: string | number | boolean | string[] | undefined
}

/** An immutable context, which holds the active span. */
export interface OpenTelemetryContext {
  getValue(key: symbol): unknown
  setValue(key: symbol, value: unknown): OpenTelemetryContext
  deleteValue(key: symbol): OpenTelemetryContext
}

/** Identifies a span in all processes. */
export interface OpenTelemetrySpanContext {
  traceId: string
  spanId: string
  traceFlags: number
}

/** A link from a span to the span that has created an event. */
export interface OpenTelemetryLink {
  context: OpenTelemetrySpanContext
  attributes?: OpenTelemetryAttributes
}

/** A span that has started. */
export interface OpenTelemetrySpan {
  setAttributes(attributes: OpenTelemetryAttributes): unknown
  setStatus(status: { code: number; message?: string }): unknown
  recordException(exception: string | Error): void
  end(): void
}

/** Starts spans. */
export interface OpenTelemetryTracer {
  startSpan(
    name: string,
    options: { kind: number; attributes: OpenTelemetryAttributes; links?: OpenTelemetryLink[] },
    context: OpenTelemetryContext,
  ): OpenTelemetrySpan
}

/** A counter. */
export interface OpenTelemetryCounter {
  add(value: number, attributes: OpenTelemetryAttributes): void
}

/** A gauge or a histogram. */
export interface OpenTelemetryRecorder {
  record(value: number, attributes: OpenTelemetryAttributes): void
}

/** Makes instruments. */
export interface OpenTelemetryMeter {
  createCounter(name: string, options: object): OpenTelemetryCounter
  createGauge(name: string, options: object): OpenTelemetryRecorder
  createHistogram(name: string, options: object): OpenTelemetryRecorder
}

/** The module `@opentelemetry/api`, version 1.9 or later: `import * as api from '@opentelemetry/api'`. */
export interface OpenTelemetryApi {
  readonly ROOT_CONTEXT: OpenTelemetryContext
  readonly context: {
    active(): OpenTelemetryContext
    with(context: OpenTelemetryContext, work: () => unknown): unknown
  }
  readonly propagation: {
    inject(context: OpenTelemetryContext, carrier: object): void
    extract(context: OpenTelemetryContext, carrier: object): OpenTelemetryContext
  }
  readonly trace: {
    getTracer(name: string): OpenTelemetryTracer
    setSpan(context: OpenTelemetryContext, span: never): OpenTelemetryContext
    getSpanContext(context: OpenTelemetryContext): OpenTelemetrySpanContext | undefined
    isSpanContextValid(spanContext: OpenTelemetrySpanContext): boolean
  }
  readonly metrics: { getMeter(name: string): OpenTelemetryMeter }
}
