/** `otel` takes the real `@opentelemetry/api`. */
import { memoryStore } from '@eventsourced/core'
import { type OpenTelemetryApi, otel } from '@eventsourced/core/otel'
import * as api from '@opentelemetry/api'

const given: OpenTelemetryApi = api
memoryStore({ observe: otel(given) })
memoryStore({ observe: otel(api, { processParent: 'event', isError: (error) => error instanceof Error }) })

// @ts-expect-error: not the API
otel({})
