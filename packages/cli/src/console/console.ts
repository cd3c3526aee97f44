/** The console: a page, and the API that it uses, as a Hono application that any fetch-style server can mount. */
import { setMaxListeners } from 'node:events'
import { OpenAPIHono } from '@hono/zod-openapi'
import { version } from '../version.ts'
import { checkOptions } from './check-options.ts'
import { Jobs } from './jobs/jobs.ts'
import { shownError } from './jobs/shown-error.ts'
import { type ConsoleOptions, contextOf } from './options.ts'
import { pageOf } from './page.ts'
import { ownPage } from './page-files.ts'
import { problemsOf } from './problems.ts'
import { auditRoutes } from './routes/audit.ts'
import { jobRoutes } from './routes/jobs.ts'
import { NotFound } from './routes/not-found.ts'
import { parkedActions } from './routes/parked-actions.ts'
import { projectionActions } from './routes/projection-actions.ts'
import { readRoutes } from './routes/reads.ts'
import { subscriptionActions } from './routes/subscription-actions.ts'
import { protect, protectApi } from './security/protect.ts'

/** A job that the end of a console has cancelled. A cancelled rebuild can be resumed. */
export interface CancelledJob {
  readonly kind: 'rebuild' | 'verify'
  readonly projection: string
}

/** The console as an application of Hono: mount it with `app.route`, or call its `fetch`. */
export interface Console extends OpenAPIHono {
  /**
   * Ends the answers that are open, and cancels the jobs that run. Resolves with these jobs once they have ended. It does
   * not close the store.
   */
  close(): Promise<readonly CancelledJob[]>
}

/**
 * Returns the console of a store.
 *
 *     app.route('/console', console({ store }))
 *
 * @throws InvalidInputError if an option is wrong
 */
export function console(options: ConsoleOptions): Console {
  checkOptions(options)
  const controller = new AbortController()
  // Every open answer listens to it, and leaves when it ends.
  setMaxListeners(0, controller.signal)
  const context = contextOf(options, controller.signal)
  const jobs = new Jobs((error, projection) => shownError(context, error, projection))
  const app = new OpenAPIHono()
  app.onError(problemsOf(context))
  const token = protect(app, context)
  app.use(pageOf(ownPage))
  protectApi(app, context, token)
  for (const routes of [...readRoutes, subscriptionActions, parkedActions, auditRoutes]) {
    app.route('/api', routes(context))
  }
  for (const routes of [projectionActions, jobRoutes]) app.route('/api', routes(context, jobs))
  app.doc31('/api/openapi.json', {
    openapi: '3.1.0',
    info: { title: 'The console of an event store of @eventsourced/core', version },
    servers: [{ url: '..' }],
  })
  app.all('*', () => {
    throw new NotFound('The console has nothing at this address. GET api/openapi.json lists what it has.')
  })
  return Object.assign(app, {
    async close() {
      controller.abort(new Error('The console is closed'))
      return jobs.close()
    },
  })
}
