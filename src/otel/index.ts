/** `@eventsourced/core/otel`: an observer that reports a store to OpenTelemetry, as traces and metrics. */

export type {
  OpenTelemetryApi,
  OpenTelemetryAttributes,
  OpenTelemetryContext,
  OpenTelemetryCounter,
  OpenTelemetryLink,
  OpenTelemetryMeter,
  OpenTelemetryRecorder,
  OpenTelemetrySpan,
  OpenTelemetrySpanContext,
  OpenTelemetryTracer,
} from './api.ts'
export { type OtelOptions, otel } from './otel.ts'
