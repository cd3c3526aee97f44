/** Commands, states, pages and problems over HTTP: the same table of cases on Hono, Express and Fastify, on real sockets. */
import type { EventStore } from '@eventsourced/core'
import { describe, expect, it } from 'vitest'
import { onEachStore } from '../each-store.ts'
import { CartClosed, cartRoutes, sizes } from './carts.ts'
import { servers } from './servers.ts'
import { pause, until } from './until.ts'

type Send = (
  method: string,
  path: string,
  headers?: Record<string, string> | [string, string][],
  body?: unknown,
) => Promise<Response>

interface Service {
  readonly send: Send
  readonly url: string
  readonly store: EventStore
  /** The errors that the client does not get to know. */
  readonly errors: readonly unknown[]
}

/** The members of a JSON answer. */
// biome-ignore lint/suspicious/noExplicitAny: each case knows the answer that it expects
const jsonOf = async (response: Response): Promise<any> => response.json()

const json = { 'Content-Type': 'application/json' }
const add = (send: Send, item: string, headers: Record<string, string> = {}, id = '1') =>
  send('POST', `/carts/${id}/items`, { ...json, ...headers }, { item })

const problemsOfCarts = (error: unknown) =>
  error instanceof CartClosed
    ? { status: 409, type: '/problems/cart-closed', detail: error.message }
    : undefined

onEachStore((_store, withWorld) => {
  describe.each(Object.entries(servers))('%s', (_name, start) => {
    const withService = (use: (service: Service) => Promise<void>) =>
      withWorld(async (world) => {
        const store = await world.open()
        const errors: unknown[] = []
        const routes = cartRoutes(store, {
          problems: problemsOfCarts,
          onError: (error) => errors.push(error),
        })
        const server = await start(routes)
        const send: Send = (method, path, headers = {}, body) =>
          fetch(server.url + path, {
            method,
            headers,
            ...(body !== undefined && { body: typeof body === 'string' ? body : JSON.stringify(body) }),
          })
        try {
          await use({ send, url: server.url, store, errors })
        } finally {
          await server.stop()
        }
      })
    const itServes = (name: string, use: (service: Service) => Promise<void>) =>
      it(name, () => withService(use))

    describe('answers', () => {
      itServes('201 to the command that creates the stream, and 200 to the next one', async ({ send }) => {
        const first = await add(send, 'tea')
        expect(first.status).toBe(201)
        expect(first.headers.get('location')).toBe('/carts/1')
        expect(first.headers.get('etag')).toBe('"1"')
        expect(await first.json()).toEqual({ items: ['tea'], isOpen: true })
        const second = await add(send, 'milk')
        expect([second.status, second.headers.get('etag'), second.headers.get('location')]).toEqual([
          200,
          '"2"',
          null,
        ])
        expect(Number(second.headers.get('position'))).toBeGreaterThan(Number(first.headers.get('position')))
      })

      itServes(
        '304 to a client that has the version, also through a proxy that weakens tags',
        async ({ send }) => {
          await add(send, 'tea')
          for (const tag of ['"1"', 'W/"1"', '"0", W/"1"', '*']) {
            const response = await send('GET', '/carts/1', { 'If-None-Match': tag })
            expect([tag, response.status, response.headers.get('etag')]).toEqual([tag, 304, '"1"'])
            expect(await response.text()).toBe('')
          }
          for (const tag of ['"2"', '"11"', '1', '']) {
            expect((await send('GET', '/carts/1', { 'If-None-Match': tag })).status).toBe(200)
          }
        },
      )

      itServes('404 if the stream or the document does not exist', async ({ send }) => {
        for (const path of ['/carts/none', '/carts/none/events', '/carts/none/size']) {
          const response = await send('GET', path)
          expect([path, response.status]).toEqual([path, 404])
          expect(response.headers.get('content-type')).toBe('application/problem+json')
          expect(await jsonOf(response)).toMatchObject({
            type: 'about:blank',
            title: 'Not Found',
            status: 404,
          })
        }
      })
    })

    describe('If-Match', () => {
      itServes(
        'lets exactly one of two clients with the same ETag win; the other one gets 412',
        async ({ send }) => {
          await add(send, 'tea')
          const [one, other] = await Promise.all([
            add(send, 'milk', { 'If-Match': '"1"' }),
            add(send, 'sugar', { 'If-Match': '"1"' }),
          ])
          expect([one.status, other.status].sort()).toEqual([200, 412])
          const loser = one.status === 412 ? one : other
          expect(loser.headers.get('etag')).toBe('"2"')
          expect(await loser.json()).toMatchObject({ code: 'wrong-expected-version', expected: 1, actual: 2 })
          expect(await (await send('GET', '/carts/1')).json()).toMatchObject({ items: { length: 2 } })
        },
      )

      itServes('of * needs an existing stream, and If-None-Match: * needs none', async ({ send }) => {
        expect((await add(send, 'tea', { 'If-Match': '*' })).status).toBe(412)
        expect((await add(send, 'tea', { 'If-None-Match': '*' })).status).toBe(201)
        const again = await add(send, 'tea', { 'If-None-Match': '*' })
        expect([again.status, again.headers.get('etag')]).toEqual([412, '"1"'])
        expect((await add(send, 'tea', { 'If-Match': '*' })).status).toBe(200)
      })

      itServes('is refused in any other form', async ({ send }) => {
        for (const tag of [
          '1',
          'W/"1"',
          '"1',
          '"-1"',
          '"01"',
          '"1.0"',
          '"x"',
          '"1", "2"',
          '"9007199254740993"',
        ]) {
          const response = await add(send, 'tea', { 'If-Match': tag })
          expect([tag, response.status]).toEqual([tag, 400])
          expect(await jsonOf(response)).toMatchObject({ code: 'invalid-input', field: 'If-Match' })
        }
        expect((await add(send, 'tea', { 'If-None-Match': '"1"' })).status).toBe(400)
        expect((await add(send, 'tea', { 'If-None-Match': '*', 'If-Match': '*' })).status).toBe(400)
        expect((await send('GET', '/carts/1')).status).toBe(404)
      })

      itServes('is demanded by a route that requires it', async ({ send }) => {
        await add(send, 'tea')
        const response = await send('POST', '/carts/1/check-out')
        expect([response.status, (await jsonOf(response)).code]).toEqual([428, 'precondition-required'])
        expect((await send('POST', '/carts/1/check-out', { 'If-Match': '"1"' })).status).toBe(200)
      })
    })

    describe('Idempotency-Key', () => {
      itServes('makes a repeat answer as the first time, and do nothing', async ({ send, store }) => {
        const key = { 'Idempotency-Key': '"8e03978e-40d5-43dd-bc93-6894a57f9324"' }
        const first = await add(send, 'tea', key)
        // The same key, as clients send it that do not know the draft of the IETF.
        const again = await add(send, 'tea', { 'Idempotency-Key': key['Idempotency-Key'].slice(1, -1) })
        for (const header of ['etag', 'position', 'location'])
          expect(again.headers.get(header)).toBe(first.headers.get(header))
        expect([first.status, again.status]).toEqual([201, 201])
        expect(await again.json()).toEqual(await first.json())
        // Another item under the same key: the first command counts.
        await add(send, 'milk', key)
        expect((await store.readStream('cart-1')).version).toBe(1)
      })

      itServes('of a repeat counts, although its If-Match names the version before', async ({ send }) => {
        await add(send, 'tea')
        const headers = { 'If-Match': '"1"', 'Idempotency-Key': 'k-1' }
        const answers = [await add(send, 'milk', headers), await add(send, 'milk', headers)]
        expect(answers.map(({ status }) => status)).toEqual([200, 200])
        expect(answers.map((answer) => answer.headers.get('etag'))).toEqual(['"2"', '"2"'])
      })

      itServes('is one command, also if it is sent many times at once', async ({ send, store }) => {
        const answers = await Promise.all(
          Array.from({ length: 8 }, () => add(send, 'tea', { 'Idempotency-Key': 'k-1' })),
        )
        expect(answers.map(({ status }) => status)).toEqual(Array(8).fill(201))
        expect((await store.readStream('cart-1')).version).toBe(1)
      })

      itServes('of another caller is another command', async ({ send, store }) => {
        await add(send, 'tea', { 'Idempotency-Key': 'k', 'X-User': 'ann' })
        await add(send, 'milk', { 'Idempotency-Key': 'k', 'X-User': 'ben' })
        await add(send, 'milk', { 'Idempotency-Key': 'k', 'X-User': 'ben' })
        expect((await store.readStream('cart-1')).version).toBe(2)
      })

      itServes('never is the id of a command that the program itself sends', async ({ send, store }) => {
        await add(send, 'tea', { 'Idempotency-Key': 'timer-7' })
        await add(send, 'tea', { 'Idempotency-Key': 'timer-7', 'X-User': 'ann' })
        const { events } = await store.readStream('cart-1')
        expect(events.map(({ metadata }) => metadata.causationId)).toEqual([
          'http timer-7',
          'http ann timer-7',
        ])
      })

      itServes('is refused if it is no short token, or given twice', async ({ send }) => {
        for (const key of ['', '""', 'a b', 'ü', 'a"b', 'a\\b', 'x'.repeat(256), 'a, b']) {
          const response = await add(send, 'tea', { 'Idempotency-Key': key })
          expect([key, response.status]).toEqual([key, 400])
          expect(await jsonOf(response)).toMatchObject({ code: 'invalid-input', field: 'Idempotency-Key' })
        }
        const twice: [string, string][] = [
          ['Content-Type', 'application/json'],
          ['Idempotency-Key', 'a'],
          ['Idempotency-Key', 'a'],
        ]
        expect((await send('POST', '/carts/1/items', twice, { item: 'tea' })).status).toBe(400)
      })
    })

    it('a command ends although its client has gone away', () =>
      withWorld(async (world) => {
        const store = await world.open()
        let release = () => {}
        const released = new Promise<void>((resolve) => {
          release = resolve
        })
        let waiting: Request | undefined
        const beforeCommand = (request: Request) => {
          waiting = request
          return released
        }
        const server = await start(cartRoutes(store, { beforeCommand }))
        try {
          const leaving = new AbortController()
          const answer = fetch(`${server.url}/carts/1/items`, {
            method: 'POST',
            headers: json,
            body: '{"item":"tea"}',
            signal: leaving.signal,
          })
          await until(() => waiting !== undefined)
          leaving.abort()
          await expect(answer).rejects.toThrow()
          await until(() => waiting?.signal.aborted === true)
          release()
          while ((await store.readStream('cart-1')).version !== 1) await pause()
        } finally {
          await server.stop()
        }
      }))

    describe('metadata', () => {
      const traceparent = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01'
      const metadataOf = async ({ send, store }: Service, headers: Record<string, string>) => {
        const response = await add(send, 'tea', headers)
        expect(response.status).toBeLessThan(300)
        return (await store.readStream('cart-1', { direction: 'backward', limit: 1 })).events[0]?.metadata
      }

      itServes('of the events has the trace context and the correlation id', async (service) => {
        const headers = { traceparent, 'X-Correlation-Id': 'order-7' }
        expect(await metadataOf(service, headers)).toMatchObject({ traceparent, correlationId: 'order-7' })
      })

      itServes('leaves out a trace context of a wrong form, as the W3C demands', async (service) => {
        const wrong = [
          'x',
          traceparent.toUpperCase(),
          `${traceparent}-x`,
          `ff${traceparent.slice(2)}`,
          `00-${'0'.repeat(32)}-00f067aa0ba902b7-01`,
          `00-4bf92f3577b34da6a3ce929d0e0e4736-${'0'.repeat(16)}-01`,
          `${traceparent}, ${traceparent}`,
        ]
        for (const value of wrong)
          expect(await metadataOf(service, { traceparent: value })).not.toHaveProperty('traceparent')
        const later = `01${traceparent.slice(2)}-more`
        expect(await metadataOf(service, { traceparent: later })).toMatchObject({ traceparent: later })
      })

      itServes('refuses a correlation id of a wrong form', async ({ send }) => {
        for (const id of ['', 'a b', 'a,b', 'x'.repeat(256)])
          expect((await add(send, 'tea', { 'X-Correlation-Id': id })).status).toBe(400)
      })
    })

    describe('Position', () => {
      itServes('lets a client read its own write in an async view', async ({ send, store }) => {
        const worker = store.subscribe({ projection: sizes, pollInterval: 10 })
        try {
          for (let events = 1; events <= 3; events++) {
            const position = (await add(send, 'tea')).headers.get('position') ?? ''
            const response = await send('GET', '/carts/1/size', { Position: position })
            expect([response.status, await jsonOf(response)]).toEqual([200, { events }])
          }
        } finally {
          await worker.stop()
        }
      })

      itServes('is 503 with Retry-After while the view is behind', async ({ send }) => {
        const position = (await add(send, 'tea')).headers.get('position') ?? ''
        const response = await send('GET', '/carts/1/size', { Position: position })
        expect([response.status, response.headers.get('retry-after')]).toEqual([503, '1'])
        const body = await jsonOf(response)
        expect(body).toMatchObject({ code: 'subscription-behind', position: Number(position) })
        expect(JSON.stringify(body)).not.toMatch(/sizes|owner/)
      })

      itServes('is refused if it is no position, or given twice', async ({ send }) => {
        for (const position of [
          '-1',
          '1.5',
          'x',
          '',
          '1, 1',
          '9007199254740993',
          '99999999999999999999',
          '1e3',
        ]) {
          const response = await send('GET', '/carts/1/size', { Position: position })
          expect([position, response.status]).toEqual([position, 400])
        }
      })
    })

    describe('a page of a stream', () => {
      const versionsOf = async (response: Response) =>
        (await jsonOf(response)).events.map(({ version }: { version: number }) => version)

      itServes('links to the next page, in both directions', async ({ send }) => {
        for (let n = 1; n <= 5; n++) await add(send, `item ${n}`)
        for (const [direction, expected] of [
          ['forward', [[1, 2], [3, 4], [5]]],
          ['backward', [[5, 4], [3, 2], [1]]],
        ] as const) {
          const pages: number[][] = []
          let query: string | undefined = `?direction=${direction}&other=kept`
          while (query !== undefined) {
            const response: Response = await send('GET', `/carts/1/events${query}`)
            expect(response.headers.get('etag')).toBe('"5"')
            pages.push(await versionsOf(response))
            const link = response.headers.get('link')
            query = link === null ? undefined : /^<(\?.*other=kept.*)>; rel="next"$/.exec(link)?.[1]
          }
          expect(pages).toEqual(expected)
        }
      })

      itServes('has whole events, and begins where the query says', async ({ send }) => {
        for (let n = 1; n <= 3; n++) await add(send, `item ${n}`)
        const response = await send('GET', '/carts/1/events?from=2&limit=1')
        expect(await jsonOf(response)).toMatchObject({
          streamId: 'cart-1',
          version: 3,
          events: [
            { type: 'ItemAdded', data: { item: 'item 2' }, version: 2, recordedAt: expect.any(String) },
          ],
        })
        expect(await versionsOf(await send('GET', '/carts/1/events?from=9'))).toEqual([])
        expect(await versionsOf(await send('GET', '/carts/1/events?asOf=2020-01-01T00:00:00Z'))).toEqual([])
        expect(
          await versionsOf(await send('GET', '/carts/1/events?asOf=2999-01-01T00:00:00%2B02:00')),
        ).toEqual([1, 2])
      })

      itServes('is 304 if the client has this version', async ({ send }) => {
        await add(send, 'tea')
        expect((await send('GET', '/carts/1/events', { 'If-None-Match': '"1"' })).status).toBe(304)
        expect((await send('GET', '/carts/1/events', { 'If-None-Match': '"0"' })).status).toBe(200)
      })

      itServes('answers HEAD without a body', async ({ send }) => {
        await add(send, 'tea')
        const response = await send('HEAD', '/carts/1/events')
        expect([response.status, response.headers.get('etag'), await response.text()]).toEqual([
          200,
          '"1"',
          '',
        ])
      })

      itServes('refuses parameters that are wrong, too large or given twice', async ({ send }) => {
        await add(send, 'tea')
        for (const query of [
          'from=0',
          'from=-1',
          'from=x',
          'from=9007199254740993',
          'from=',
          'limit=0',
          'limit=11',
          'limit=1&limit=2',
          'direction=up',
          'asOf=yesterday',
          'asOf=2027-03-01',
          'asOf=2027-03-01T00:00:00',
          'asOf=2027-13-01T00:00:00Z',
        ]) {
          const response = await send('GET', `/carts/1/events?${query}`)
          expect([query, response.status]).toEqual([query, 400])
          expect((await jsonOf(response)).field).toBe(`?${query.split('=')[0]}`)
        }
      })
    })

    describe('a body', () => {
      itServes(
        'is refused if it is not JSON, too large, or does not fit the schema',
        async ({ send, errors }) => {
          const path = '/carts/1/items'
          const statusOf = async (headers: Record<string, string>, body: unknown) => {
            const response = await send('POST', path, headers, body)
            return [response.status, (await jsonOf(response)).code]
          }
          expect(await statusOf(json, '{"item":')).toEqual([400, 'invalid-input'])
          expect(await statusOf(json, '')).toEqual([400, 'invalid-input'])
          expect(await statusOf({ 'Content-Type': 'text/plain' }, '{}')).toEqual([400, 'invalid-input'])
          expect(await statusOf(json, { item: 'x'.repeat(200_000) })).toEqual([413, 'body-too-large'])
          expect(await statusOf(json, { item: 7 })).toEqual([422, 'invalid-body'])
          const response = await send('POST', path, json, { item: 7 })
          expect((await jsonOf(response)).issues).toEqual([
            { path: 'body.item', message: expect.any(String) },
          ])
          expect(errors).toEqual([])
        },
      )
    })

    describe('a problem', () => {
      itServes('of the domain is what the application says', async ({ send, errors }) => {
        await add(send, 'tea')
        await send('POST', '/carts/1/check-out', { 'If-Match': '"1"' })
        const response = await add(send, 'milk')
        expect([response.status, response.headers.get('content-type')]).toEqual([
          409,
          'application/problem+json',
        ])
        expect(await jsonOf(response)).toEqual({
          type: '/problems/cart-closed',
          title: 'Conflict',
          status: 409,
          detail: 'This cart was checked out',
        })
        expect(errors).toEqual([])
      })

      itServes(
        'of an unknown error says nothing, and the server gets the error',
        async ({ send, errors }) => {
          const response = await send('GET', '/broken')
          expect(response.status).toBe(500)
          expect(await jsonOf(response)).toEqual({
            type: 'about:blank',
            title: 'Internal Server Error',
            status: 500,
          })
          expect(errors).toMatchObject([{ message: expect.stringContaining('secret') }])
        },
      )
    })
  })
})
