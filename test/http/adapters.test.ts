/** What a fetch handler gets and gives on each framework: streams, aborts, cookies, errors, and bodies that a parser has read. */
import { once } from 'node:events'
import { Agent, type IncomingMessage, request as nodeRequest } from 'node:http'
import { connect } from 'node:net'
import { gzipSync } from 'node:zlib'
import { hasCode, InvalidInputError } from '@eventsourced/core'
import { jsonBody, withProblems } from '@eventsourced/core/http'
import { expressHandler } from '@eventsourced/core/http/express'
import { fastifyHandler } from '@eventsourced/core/http/fastify'
import { describe, expect, it } from 'vitest'
import { type Route, type ServerOptions, servers } from './servers.ts'
import { until } from './until.ts'

const text = (chunk: string) => new TextEncoder().encode(chunk)
const textOf = async (message: IncomingMessage) => {
  let all = ''
  for await (const chunk of message) all += chunk
  return all
}

describe.each(Object.entries(servers))('%s', (name, start) => {
  const withServer = async (
    handler: Route['handler'],
    use: (url: string, errors: readonly unknown[]) => Promise<void>,
    options: ServerOptions = {},
  ) => {
    const errors: unknown[] = []
    const onError = (error: unknown) => errors.push(error)
    const routes = ['GET', 'POST'].map((method) => ({ method, path: '/path/:id', handler }))
    const server = await start(routes, { ...options, onError })
    try {
      await use(`${server.url}/path/1`, errors)
    } finally {
      await server.stop()
    }
  }

  it('passes the method, the address, the headers and the parameters', async () => {
    const handler: Route['handler'] = (request, { id }) =>
      Response.json({ method: request.method, url: request.url, header: request.headers.get('x-a'), id })
    await withServer(handler, async (url) => {
      const response = await fetch(`${url}?a=1&b=%2F`, { method: 'POST', headers: { 'X-A': 'b' } })
      expect(await response.json()).toEqual({ method: 'POST', url: `${url}?a=1&b=%2F`, header: 'b', id: '1' })
    })
  })

  // Hono itself passes such a request to the handler.
  const itAdapts = name === 'hono' ? () => {} : it
  itAdapts('answers 501 to a method that a Request cannot have, and reports nothing', async () => {
    const errors: unknown[] = []
    const handler = () => new Response('done')
    const routes = [{ method: 'TRACE', path: '/path', handler }]
    const server = await start(routes, { onError: (error) => errors.push(error) })
    const request = nodeRequest(`${server.url}/path`, { method: 'TRACE' }).end()
    const [response] = await once(request, 'response')
    expect([response.statusCode, response.headers['content-type']]).toEqual([501, 'application/problem+json'])
    expect(await textOf(response)).toContain('Not Implemented')
    expect(errors).toEqual([])
    await server.stop()
  })

  it('never takes the host from the path', async () => {
    await withServer(
      (request) => Response.json({ host: new URL(request.url).hostname }),
      async (url) => {
        const { port } = new URL(url)
        const answerTo = async (lines: string) => {
          const socket = connect(Number(port), '127.0.0.1')
          socket.end(`${lines}\r\nConnection: close\r\n\r\n`)
          let all = ''
          for await (const chunk of socket) all += chunk
          return all
        }
        const answers = [
          await answerTo('GET /path/1 HTTP/1.1\r\nHost: user:password@shop.example'),
          await answerTo('GET /path/1 HTTP/1.1\r\nHost: not a host'),
        ]
        for (const answer of answers) expect(answer).not.toMatch(/user|password|HTTP\/1.1 5/)
        const elsewhere = await answerTo('GET //evil.example/path/1 HTTP/1.1\r\nHost: shop.example')
        expect(elsewhere).not.toContain('{"host":"evil.example"}')
      },
    )
  })

  it('streams the body of the request: the handler gets a chunk before the next one is sent', async () => {
    const chunks: string[] = []
    const handler: Route['handler'] = async (request) => {
      const decoder = new TextDecoder()
      for await (const chunk of request.body ?? []) chunks.push(decoder.decode(chunk as Uint8Array))
      return new Response(chunks.join('|'))
    }
    await withServer(handler, async (url) => {
      const request = nodeRequest(url, { method: 'POST', headers: { 'Content-Type': 'text/x-lines' } })
      const answered = once(request, 'response')
      for (const [index, chunk] of ['one', 'two', 'three'].entries()) {
        request.write(chunk)
        await until(() => chunks.length === index + 1)
      }
      request.end()
      const [response] = await answered
      expect(await textOf(response)).toBe('one|two|three')
    })
  })

  it('streams the body of the response, and sends the headers before the first chunk', async () => {
    let send = (_chunk?: string) => {}
    const handler: Route['handler'] = () =>
      new Response(
        new ReadableStream({
          start(controller) {
            send = (chunk) => (chunk === undefined ? controller.close() : controller.enqueue(text(chunk)))
          },
        }),
        { headers: { 'Content-Type': 'text/event-stream' } },
      )
    await withServer(handler, async (url) => {
      const answer = fetch(url)
      // Fastify sends the headers with the first chunk.
      if (name === 'fastify') setTimeout(() => send(': open\n\n'), 50)
      const response = await answer
      const reader = response.body?.getReader()
      if (name === 'fastify') await reader?.read()
      for (const chunk of ['data: 1\n\n', 'data: 2\n\n']) {
        send(chunk)
        expect(new TextDecoder().decode((await reader?.read())?.value)).toBe(chunk)
      }
      send()
      expect((await reader?.read())?.done).toBe(true)
    })
  })

  it('aborts the signal if the client goes away while the handler works, and not after an answer', async () => {
    const signals: AbortSignal[] = []
    const handler: Route['handler'] = async ({ signal, url }) => {
      signals.push(signal)
      if (url.endsWith('?wait')) await new Promise((resolve) => signal.addEventListener('abort', resolve))
      return new Response('done')
    }
    await withServer(handler, async (url) => {
      expect(await (await fetch(url)).text()).toBe('done')
      const leaving = new AbortController()
      const answer = fetch(`${url}?wait`, { signal: leaving.signal })
      await until(() => signals.length === 2)
      leaving.abort()
      await expect(answer).rejects.toThrow()
      await until(() => signals[1]?.aborted === true)
      expect(signals[0]?.aborted).toBe(false)
      expect(await (await fetch(url)).text()).toBe('done')
    })
  })

  it('ends an answer without end if the client went away before the handler, or while it worked', async () => {
    let isAborted = false
    let cancelled = 0
    let goOn = () => {}
    let isWaiting = false
    const pause = () =>
      new Promise<void>((resolve) => {
        isWaiting = true
        goOn = resolve
      })
    const handler: Route['handler'] = async ({ signal, url }) => {
      if (url.endsWith('?work')) await pause()
      isAborted = signal.aborted
      return new Response(new ReadableStream({ cancel: () => void cancelled++ }))
    }
    const before = async () => (isBefore ? pause() : undefined)
    let isBefore = true
    await withServer(
      handler,
      async (url) => {
        for (const [index, address] of [url, `${url}?work`].entries()) {
          isBefore = index === 0
          isWaiting = false
          const leaving = new AbortController()
          const answer = fetch(address, { signal: leaving.signal })
          await until(() => isWaiting)
          leaving.abort()
          await expect(answer).rejects.toThrow()
          await new Promise((resolve) => setTimeout(resolve, 100))
          goOn()
          await until(() => cancelled === index + 1)
          expect(isAborted).toBe(true)
        }
      },
      { before },
    )
  })

  it('reports a body that ends too early to the handler, and serves the next request', async () => {
    const thrown: unknown[] = []
    const handler: Route['handler'] = async (request) => {
      if (request.method === 'GET') return new Response('done')
      await jsonBody(request).catch((error: unknown) => {
        thrown.push(error)
        throw error
      })
      return new Response('read')
    }
    await withServer(withProblems(handler), async (url) => {
      const request = nodeRequest(url, {
        method: 'POST',
        headers: { 'Content-Type': 'application/json', 'Content-Length': 100 },
      })
      request.on('error', () => {})
      request.write('{"a":')
      await new Promise((resolve) => setTimeout(resolve, 50))
      request.destroy()
      await until(() => thrown.length === 1)
      expect(hasCode(thrown[0], 'invalid-input') && thrown[0].field).toBe('body')
      expect(await (await fetch(url)).text()).toBe('done')
    })
  })

  it('cancels the body of the response if the client goes away', async () => {
    let isCancelled = false
    const handler: Route['handler'] = () =>
      new Response(
        new ReadableStream({
          start: (controller) => controller.enqueue(text('first')),
          cancel() {
            isCancelled = true
          },
        }),
      )
    await withServer(handler, async (url, errors) => {
      const leaving = new AbortController()
      const response = await fetch(url, { signal: leaving.signal })
      await response.body?.getReader().read()
      leaving.abort()
      await until(() => isCancelled)
      expect(errors).toEqual([])
    })
  })

  it('reads the body of the response no faster than the client does', async () => {
    let sent = 0
    const handler: Route['handler'] = () =>
      new Response(
        new ReadableStream({
          pull(controller) {
            sent += 65_536
            controller.enqueue(new Uint8Array(65_536))
          },
        }),
      )
    await withServer(handler, async (url) => {
      const socket = connect(Number(new URL(url).port), '127.0.0.1')
      socket.pause()
      socket.write('GET /path/1 HTTP/1.1\r\nHost: localhost\r\n\r\n')
      // The sockets of both sides buffer some megabytes. After that, the source must rest.
      let before = -1
      while (sent === 0 || sent !== before) {
        before = sent
        await new Promise((resolve) => setTimeout(resolve, 200))
      }
      expect(sent).toBeLessThan(64_000_000)
      socket.destroy()
    })
  })

  it('does not end an answer cleanly whose body fails', async () => {
    const handler: Route['handler'] = () => {
      const chunks = [text('first')]
      return new Response(
        new ReadableStream({
          async pull(controller) {
            const chunk = chunks.pop()
            if (chunk !== undefined) return controller.enqueue(chunk)
            // The headers and the first chunk are on their way.
            await new Promise((resolve) => setTimeout(resolve, 50))
            controller.error(new Error('the source broke'))
          },
        }),
      )
    }
    await withServer(handler, async (url) => {
      expect((await fetch(url)).status).toBe(200)
      await expect(fetch(url).then((response) => response.text())).rejects.toThrow()
    })
  })

  it('sends several cookies', async () => {
    const handler: Route['handler'] = () =>
      new Response(null, {
        status: 204,
        headers: [
          ['Set-Cookie', 'a=1; Expires=Wed, 21 Oct 2037 07:28:00 GMT'],
          ['Set-Cookie', 'b=2'],
        ],
      })
    await withServer(handler, async (url) => {
      const response = await fetch(url)
      expect([response.status, response.headers.getSetCookie()]).toEqual([
        204,
        ['a=1; Expires=Wed, 21 Oct 2037 07:28:00 GMT', 'b=2'],
      ])
    })
  })

  // Hono's own server cuts such a connection off.
  if (name !== 'hono')
    it('serves the next request on a connection whose last body no handler has read', async () => {
      const handler: Route['handler'] = async (request) => {
        if (request.url.endsWith('?half')) await request.body?.getReader().read()
        return new Response('done')
      }
      await withServer(handler, async (url) => {
        const agent = new Agent({ keepAlive: true, maxSockets: 1 })
        for (const query of ['', '?half', '', '?half', '']) {
          const request = nodeRequest(url + query, {
            method: 'POST',
            agent,
            headers: { 'Content-Type': 'application/octet-stream' },
          })
          request.on('error', () => {})
          request.end(Buffer.alloc(2_000_000))
          const [response] = await once(request, 'response')
          expect(await textOf(response)).toBe('done')
        }
        agent.destroy()
      })
    })

  it('passes on what a handler throws to the error handling of the framework', async () => {
    const handler: Route['handler'] = () => {
      throw new Error('broken')
    }
    await withServer(handler, async (url, errors) => {
      expect((await fetch(url)).status).toBe(500)
      expect(errors).toMatchObject([{ message: 'broken' }])
    })
  })

  // Hono has no body parser that runs before the handlers.
  if (name === 'hono') return
  describe('behind a body parser', () => {
    const echo: Route['handler'] = async (request) => new Response(await request.text())
    const post = (
      url: string,
      type: string,
      body: string | Uint8Array<ArrayBuffer>,
      more: Record<string, string> = {},
    ) => fetch(url, { method: 'POST', headers: { 'Content-Type': type, ...more }, body })

    it('gives the handler a body of JSON that the parser has read', async () => {
      await withServer(
        echo,
        async (url) => {
          expect(await (await post(url, 'application/json', '{ "a": [1, "ü"] }')).text()).toBe(
            '{"a":[1,"ü"]}',
          )
          expect(await (await post(url, 'application/json; charset=utf-8', '{}')).text()).toBe('{}')
        },
        { parsesBodies: true },
      )
    })

    if (name === 'express')
      it('gives the handler no length of the body that the parser has unpacked', async () => {
        const handler: Route['handler'] = async (request) => {
          const { headers } = request
          return Response.json([
            headers.get('content-encoding'),
            headers.get('content-length'),
            await request.json(),
          ])
        }
        await withServer(
          handler,
          async (url) => {
            const body = new Uint8Array(gzipSync('{"a":1}'))
            const response = await post(url, 'application/json', body, { 'Content-Encoding': 'gzip' })
            expect(await response.json()).toEqual([null, null, { a: 1 }])
          },
          { parsesBodies: true },
        )
      })

    it('refuses a body by name that it cannot restore', async () => {
      await withServer(
        echo,
        async (url, errors) => {
          expect((await post(url, 'application/x-www-form-urlencoded', 'a=1')).status).toBe(500)
          expect(errors).toMatchObject([
            { code: 'body-already-read', contentType: 'application/x-www-form-urlencoded' },
          ])
        },
        { parsesBodies: true },
      )
    })

    it('accepts a request without a body', async () => {
      await withServer(
        echo,
        async (url) => {
          const response = await fetch(url, { method: 'POST' })
          expect([response.status, await response.text()]).toEqual([200, ''])
        },
        { parsesBodies: true },
      )
    })
  })
})

it('the adapters refuse a handler that is no function', () => {
  expect(() => expressHandler({} as never)).toThrow(InvalidInputError)
  expect(() => fastifyHandler({} as never)).toThrow(InvalidInputError)
  expect(() => withProblems({} as never)).toThrow(InvalidInputError)
})
