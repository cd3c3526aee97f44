/** Answers the probes of load balancers and of Kubernetes over HTTP. */
import { describeError } from '../errors/base.ts'
import { checkBoolean } from '../input/checks.ts'
import { optionsOf } from '../input/options.ts'
import type { HealthCheck } from './checks.ts'
import { healthWithin } from './health.ts'
import { type HealthOptions, healthLimits } from './limits.ts'
import { checkStore, type HealthStore } from './look.ts'

/** A handler for any server that speaks `Request` and `Response`. It never rejects. */
export type ProbeHandler = (request?: { readonly method: string }) => Promise<Response>

/** The options of `livez`. */
export interface ProbeOptions {
  /**
   * Whether the answer contains errors, the names of workers, and the writers that hold the log back. They can contain host
   * names and SQL: leave it off if strangers can reach the probe. @default false
   */
  readonly detail?: boolean | undefined
}

/** The options of `healthz`. */
export interface HealthzOptions extends HealthOptions, ProbeOptions {
  /** Whether the answer is also 503 if the health is `degraded`. @default false */
  readonly failOnDegraded?: boolean | undefined
}

/**
 * Makes a handler for readiness: answers 200 if the health of the store is `ok` or `degraded`, 503 if it is `failed`, both
 * with the checks as JSON.
 *
 *     app.get('/healthz', (c) => ready(c.req.raw))
 * @throws InvalidInputError if an argument is wrong
 */
export function healthz(store: HealthStore, options?: HealthzOptions): ProbeHandler {
  checkStore(store)
  const { detail = false, failOnDegraded = false } = optionsOf(options, ['detail', 'failOnDegraded'])
  checkBoolean(detail, 'detail')
  checkBoolean(failOnDegraded, 'failOnDegraded')
  const limits = healthLimits(options)
  return probe(async () => {
    const { status, checkedAt, checks } = await healthWithin(store, limits)
    const isReady = status === 'ok' || (status === 'degraded' && !failOnDegraded)
    const shown = checks.map((check) => (detail ? withErrorText(check) : withoutDetail(check)))
    return { isGood: isReady, body: { status, checkedAt, checks: shown } }
  })
}

/**
 * Makes a handler for liveness: answers 503 if a worker of this process has failed, so that the process must be restarted;
 * else 200. It never asks the database: a restart repairs no database. A process whose event loop is stuck does not answer,
 * and the probe times out.
 * @throws InvalidInputError if an argument is wrong
 */
export function livez(store: HealthStore, options?: ProbeOptions): ProbeHandler {
  checkStore(store)
  const { detail = false } = optionsOf(options, ['detail'])
  checkBoolean(detail, 'detail')
  return probe(async () => {
    const workers = store.workers()
    const isAlive = workers.every(({ state }) => state !== 'failed')
    const shown = workers.map(({ subscription, worker, state, lastError }) =>
      detail ? { subscription, worker, state, error: textOf(lastError) } : { subscription, state },
    )
    return { isGood: isAlive, body: { status: isAlive ? 'ok' : 'failed', workers: shown } }
  })
}

function probe(answer: () => Promise<{ readonly isGood: boolean; readonly body: object }>): ProbeHandler {
  return async ({ method } = { method: 'GET' }) => {
    if (method !== 'GET' && method !== 'HEAD') {
      return new Response(null, { status: 405, headers: { Allow: 'GET, HEAD' } })
    }
    const { isGood, body } = await answer()
    const headers = { 'Content-Type': 'application/json', 'Cache-Control': 'no-store' }
    const text = method === 'HEAD' ? null : JSON.stringify(body)
    return new Response(text, { status: isGood ? 200 : 503, headers })
  }
}

function withErrorText(check: HealthCheck): object {
  return 'error' in check ? { ...check, error: textOf(check.error) } : check
}

function withoutDetail(check: HealthCheck): object {
  const {
    error: _error,
    owners: _owners,
    writers: _writers,
    ...shown
  } = {
    ...{ error: undefined, owners: undefined, writers: undefined },
    ...check,
  }
  return shown
}

const textOf = (error: unknown): string | undefined =>
  error === undefined ? undefined : describeError(error).text
