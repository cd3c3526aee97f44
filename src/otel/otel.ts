/** Makes an observer of OpenTelemetry. */
import type { Metadata } from '../event.ts'
import { checkBoolean, checkFunction, checkOneOf } from '../input/checks.ts'
import { optionsOf } from '../input/options.ts'
import { readSafely, refuse } from '../input/refusal.ts'
import type { Observer } from '../observe/observer.ts'
import type { Operation } from '../observe/operation.ts'
import type { OpenTelemetryApi, OpenTelemetryContext, OpenTelemetrySpan } from './api.ts'
import { errorType, failsSpan } from './errors.ts'
import { recorder } from './metrics.ts'
import { attribute, scope, statusError } from './names.ts'
import { creationOf, describeSpan, linksOf } from './spans.ts'

/** The options of `otel`. */
export interface OtelOptions {
  /** Whether to record metrics. Use false if another observer measures the store. @default true */
  readonly metrics?: boolean | undefined
  /**
   * The parent of a `process` or `project` span. `none`: the span begins a trace of its own, with a link to the span that
   * created each event. `event`: the span of a single event is a child of the span that created it, in the same trace;
   * batches still have links. @default 'none'
   */
  readonly processParent?: 'none' | 'event' | undefined
  /**
   * Returns whether an error gives the span of its operation the status ERROR. @default true, except for a conflict in
   * `append` and `command`, and for an error with which a decider refuses a command
   */
  readonly isError?: ((error: unknown, operation: Operation) => boolean) | undefined
}

/**
 * Makes an observer that reports a store to OpenTelemetry. It uses the tracer provider, the meter provider and the
 * propagator that the program has registered. Register them before the first call of the store.
 *
 *     import * as api from '@opentelemetry/api'
 *     const store = postgresStore(url, { observe: otel(api) })
 *
 * @throws InvalidInputError if `api` is not `@opentelemetry/api`, or an option is wrong
 */
export function otel(api: OpenTelemetryApi, options?: OtelOptions): Observer {
  checkApi(api)
  const {
    metrics = true,
    processParent = 'none',
    isError = failsSpan,
  } = optionsOf(options, ['metrics', 'processParent', 'isError'])
  checkBoolean(metrics, 'metrics')
  checkOneOf(processParent, 'processParent', ['none', 'event'])
  checkFunction(isError, 'isError')
  // A proxy: it also works if the program registers its provider later.
  const tracer = api.trace.getTracer(scope)

  function start(operation: Operation): {
    readonly span: OpenTelemetrySpan
    readonly parent: OpenTelemetryContext
  } {
    const { name, kind, attributes } = describeSpan(operation)
    if (operation.name !== 'handle' && operation.name !== 'project') {
      const parent = api.context.active()
      return { span: tracer.startSpan(name, { kind, attributes }, parent), parent }
    }
    const { events } = operation
    const [first] = events
    const creation =
      processParent === 'event' && events.length === 1 && first ? creationOf(api, first) : undefined
    // Not the active context: that is of the program's code that has started the subscription, maybe days ago.
    const parent = creation ?? api.ROOT_CONTEXT
    const links = creation === undefined ? linksOf(api, events) : []
    return { span: tracer.startSpan(name, { kind, attributes, links }, parent), parent }
  }

  function end(span: OpenTelemetrySpan, operation: Operation, error: unknown): void {
    if (isError(error, operation)) {
      span.setAttributes({ [attribute.errorType]: errorType(error) })
      span.setStatus({ code: statusError, message: error instanceof Error ? error.message : String(error) })
      span.recordException(error instanceof Error ? error : String(error))
    } else {
      const outcome = operation.name === 'command' ? 'refused' : 'conflict'
      span.setAttributes({ [attribute.outcome]: outcome })
    }
  }

  return {
    ...(metrics && { measure: recorder(api) }),

    around(operation, work) {
      const { span, parent } = start(operation)
      const inside = api.trace.setSpan(parent, span as never)
      // No async function: on Node.js 20 and 22, the async context makes each promise expensive.
      return (api.context.with(inside, work) as ReturnType<typeof work>).then(
        (result) => {
          span.end()
          return result
        },
        (error) => {
          try {
            end(span, operation, error)
          } finally {
            span.end()
          }
          throw error
        },
      )
    },

    inject() {
      const carrier: Record<string, string> = {}
      api.propagation.inject(api.context.active(), carrier)
      // Baggage may contain personal data, and events are kept.
      const { baggage: _, ...metadata } = carrier
      return Object.keys(metadata).length === 0 ? undefined : (metadata as Metadata)
    },
  }
}

function checkApi(api: unknown): void {
  readSafely('api', api, () => {
    const { trace, context, propagation, metrics, ROOT_CONTEXT } = (api ?? {}) as Partial<OpenTelemetryApi>
    const isApi =
      typeof trace?.getTracer === 'function' &&
      typeof context?.active === 'function' &&
      typeof propagation?.inject === 'function' &&
      typeof metrics?.getMeter === 'function' &&
      ROOT_CONTEXT !== undefined
    if (!isApi) refuse('api', "must be the module '@opentelemetry/api': import * as api from it", api)
  })
}
