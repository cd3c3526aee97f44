/** The console: a page, and the API that it uses, as a Hono application that any fetch-style server can mount. */
import { OpenAPIHono } from '@hono/zod-openapi'
import { version } from '../version.ts'
import { type ConsoleOptions, contextOf } from './options.ts'
import { readRoutes } from './routes/reads.ts'

/** The console as an application of Hono: mount it with `app.route`, or call its `fetch`. */
export interface Console extends OpenAPIHono {
  /** Ends the answers that are open, and the jobs that run. Resolves once they have ended. It does not close the store. */
  close(): Promise<void>
}

/**
 * Returns the console of a store.
 *
 *     app.route('/console', console({ store }))
 *
 * @throws InvalidInputError if an option is wrong
 */
export function console(options: ConsoleOptions): Console {
  const controller = new AbortController()
  const context = contextOf(options, controller.signal)
  const app = new OpenAPIHono()
  for (const routes of readRoutes) app.route('/api', routes(context))
  app.doc31('/api/openapi.json', {
    openapi: '3.1.0',
    info: { title: 'The console of an event store of @eventsourced/core', version },
    servers: [{ url: '..' }],
  })
  return Object.assign(app, {
    async close() {
      controller.abort(new Error('The console is closed'))
    },
  })
}
