/** The console: a page, and the API that it uses, as a Hono application that any fetch-style server can mount. */
import { OpenAPIHono } from '@hono/zod-openapi'
import { version } from '../version.ts'
import { type ConsoleOptions, contextOf } from './options.ts'
import { streamRoutes } from './routes/streams.ts'

/**
 * Returns the console of a store.
 *
 *     app.route('/console', console({ store }))
 *
 * @throws InvalidInputError if an option is wrong
 */
export function console(options: ConsoleOptions): OpenAPIHono {
  const context = contextOf(options)
  const app = new OpenAPIHono()
  for (const routes of [streamRoutes]) app.route('/api', routes(context))
  app.doc31('/api/openapi.json', {
    openapi: '3.1.0',
    info: { title: 'The console of an event store of @eventsourced/core', version },
    servers: [{ url: '..' }],
  })
  return app
}
