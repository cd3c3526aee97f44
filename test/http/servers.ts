/** The web frameworks under test, each as a server on a real socket with the same routes. */
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expressHandler } from '@eventsourced/core/http/express'
import { fastifyHandler } from '@eventsourced/core/http/fastify'
import { serve } from '@hono/node-server'
import express from 'express'
import fastify, { type FastifyRequest } from 'fastify'
import { Hono } from 'hono'

/** A route. Its path has parameters such as `/carts/:id`. */
export interface Route {
  readonly method: string
  readonly path: string
  readonly handler: (
    request: Request,
    parameters: Readonly<Record<string, string>>,
  ) => Response | Promise<Response>
}

interface RunningServer {
  readonly url: string
  stop(): Promise<void>
}

export interface ServerOptions {
  /** Whether a body parser of the framework reads the bodies of type JSON before the handlers. @default false */
  readonly parsesBodies?: boolean
  /** Receives what the framework's own handling of errors gets. */
  readonly onError?: (error: unknown) => void
  /** What a middleware waits for before each handler, such as the check of a token. @default nothing */
  readonly before?: () => Promise<unknown>
}

type Start = (routes: readonly Route[], options?: ServerOptions) => Promise<RunningServer>

export const servers: Readonly<Record<'hono' | 'express' | 'fastify', Start>> = {
  async hono(routes, { onError = () => {}, before } = {}) {
    const app = new Hono()
    if (before) app.use((_c, next) => before().then(next))
    for (const { method, path, handler } of routes) {
      app.on(method, path, (c) => handler(c.req.raw, c.req.param()))
    }
    app.onError((error) => {
      onError(error)
      return new Response(null, { status: 500 })
    })
    return started(serve({ fetch: app.fetch, port: 0, hostname: '127.0.0.1' }) as Server)
  },

  async express(routes, { parsesBodies = false, onError = () => {}, before } = {}) {
    const app = express()
    if (before) app.use((_req, _res, next) => void before().then(() => next()))
    if (parsesBodies) app.use(express.json(), express.urlencoded({ extended: false }))
    for (const { method, path, handler } of routes) {
      app.all(path, (req, res, next) =>
        // Express calls the handler of GET for HEAD too, as the other two do.
        req.method === method || (method === 'GET' && req.method === 'HEAD')
          ? expressHandler((request, { params }: typeof req) =>
              handler(request, params as Record<string, string>),
            )(req, res, next)
          : next('route'),
      )
    }
    app.use(((error, _req, res, next) => {
      onError(error)
      if (res.headersSent) return next(error)
      res.status(500).end()
    }) as express.ErrorRequestHandler)
    return started(createServer(app).listen(0, '127.0.0.1'))
  },

  async fastify(routes, { parsesBodies = false, onError = () => {}, before } = {}) {
    const app = fastify({ forceCloseConnections: true })
    if (before) app.addHook('onRequest', async () => void (await before()))
    if (!parsesBodies) {
      app.removeAllContentTypeParsers()
      app.addContentTypeParser('*', (_request, payload, done) => done(null, payload))
    } else {
      app.addContentTypeParser(
        'application/x-www-form-urlencoded',
        { parseAs: 'string' },
        (_request, body, done) => done(null, Object.fromEntries(new URLSearchParams(String(body)))),
      )
    }
    for (const { method, path, handler } of routes) {
      app.route({
        method,
        url: path,
        handler: fastifyHandler((request, { params }: FastifyRequest) =>
          handler(request, params as Record<string, string>),
        ),
      })
    }
    app.setErrorHandler((error, _request, reply) => {
      onError(error)
      reply.status(500).send()
    })
    await app.listen({ port: 0, host: '127.0.0.1' })
    const { port } = app.server.address() as AddressInfo
    return { url: `http://127.0.0.1:${port}`, stop: () => app.close() }
  },
}

async function started(server: Server): Promise<RunningServer> {
  if (!server.listening) await new Promise((resolve) => server.once('listening', resolve))
  const { port } = server.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${port}`,
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}
