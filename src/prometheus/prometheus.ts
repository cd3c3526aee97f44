/** Gathers the facts of a store for Prometheus. */
import { healthWithin } from '../health/health.ts'
import { type HealthLimits, type HealthOptions, healthLimits } from '../health/limits.ts'
import { checkStore, type HealthStore } from '../health/look.ts'
import { optionsOf } from '../input/options.ts'
import { readSafely, refuse } from '../input/refusal.ts'
import { Lags } from '../observe/lags.ts'
import type { Metric } from '../observe/metric.ts'
import type { Observer } from '../observe/observer.ts'
import { contentTypes, exposition, type Format } from './exposition.ts'
import { setHealthGauges } from './health-gauges.ts'
import { record, setLagGauges } from './record.ts'
import { SeriesByFamily } from './series.ts'

/** The options of `prometheus`. */
export interface PrometheusOptions {
  /** The beginning of the name of each metric. @default 'eventsourced_' */
  readonly prefix?: string | undefined
  /** The upper bounds of the buckets of durations, in seconds, rising. @default 0.001 to 10 in 13 steps */
  readonly buckets?: readonly number[] | undefined
}

/** A request for metrics; `Request` has these properties. */
export interface MetricsRequest {
  readonly method: string
  readonly headers: { get(name: string): string | null }
}

/** An observer that counts for Prometheus. One observer may observe several stores: it then sums their facts. */
export interface Prometheus extends Observer {
  readonly measure: (metric: Metric) => void
  /**
   * Returns the metrics of this process, in the text format of Prometheus, version 0.0.4. With a store, also its health as
   * gauges: the calls share looks at the database with `health`.
   * @throws InvalidInputError if an argument is wrong
   */
  text(store?: HealthStore, options?: HealthOptions): Promise<string>
  /**
   * Makes a handler that answers with this text, or with OpenMetrics if the request accepts it. It never rejects.
   * @throws InvalidInputError if an argument is wrong
   */
  handler(store?: HealthStore, options?: HealthOptions): (request?: MetricsRequest) => Promise<Response>
}

const defaultBuckets = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]

/**
 * Makes an observer that counts for Prometheus.
 *
 *     const metrics = prometheus()
 *     app.get('/metrics', (c) => scrape(c.req.raw))   // const scrape = metrics.handler(store)
 * @throws InvalidInputError if an option is wrong
 */
export function prometheus(options?: PrometheusOptions): Prometheus {
  const { prefix = 'eventsourced_', buckets = defaultBuckets } = optionsOf(options, ['prefix', 'buckets'])
  if (typeof prefix !== 'string' || !/^[a-zA-Z_][a-zA-Z0-9_]*$/.test(prefix)) {
    refuse('prefix', 'must be letters, digits and underscores, and not begin with a digit', prefix)
  }
  const bounds = checkedBuckets(buckets)
  const series = new SeriesByFamily(bounds)
  const lags = new Lags()

  async function write(
    format: Format,
    store: HealthStore | undefined,
    limits: HealthLimits,
  ): Promise<string> {
    const gauges = new SeriesByFamily(bounds)
    if (store !== undefined) setHealthGauges(await healthWithin(store, limits), gauges)
    // Otherwise the health knows the lag of all workers, and this process only that of its own.
    if (store === undefined || limits.expected?.length === 0) setLagGauges(lags, gauges)
    return exposition([gauges, series], prefix, format)
  }

  return {
    measure(metric) {
      if (metric.kind === 'lag') lags.note(metric)
      else record(metric, series)
    },
    async text(store, options) {
      if (store !== undefined) checkStore(store)
      return write('text', store, healthLimits(options))
    },
    handler(store, options) {
      if (store !== undefined) checkStore(store)
      const limits = healthLimits(options)
      return async (request) => {
        const { method = 'GET', headers } = request ?? {}
        if (method !== 'GET' && method !== 'HEAD') {
          return new Response(null, { status: 405, headers: { Allow: 'GET, HEAD' } })
        }
        const accepts = headers?.get('accept')?.includes('application/openmetrics-text')
        const format = accepts ? 'openmetrics' : 'text'
        const body = await write(format, store, limits)
        return new Response(method === 'HEAD' ? null : body, {
          headers: { 'Content-Type': contentTypes[format], 'Cache-Control': 'no-store' },
        })
      }
    },
  }
}

function checkedBuckets(buckets: unknown): readonly number[] {
  const problem = 'must be an array of rising numbers above 0'
  return readSafely('buckets', buckets, () => {
    if (!Array.isArray(buckets) || buckets.length === 0) refuse('buckets', problem, buckets)
    const bounds: readonly unknown[] = Array.from(buckets)
    bounds.forEach((bound, index) => {
      const before = index === 0 ? 0 : (bounds[index - 1] as number)
      if (!Number.isFinite(bound) || !((bound as number) > before)) refuse('buckets', problem, buckets)
    })
    return bounds as readonly number[]
  })
}
