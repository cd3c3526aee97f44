/** What the console refuses: foreign hosts and pages, missing tokens, large bodies, and every change if it is read-only. */
import { memoryStore, SchemaMismatchError } from '@eventsourced/core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type ConsoleOptions, console as consoleOf } from '../../src/console/index.ts'
import { type ListeningServer, listen } from '../../src/console-server/listen.ts'
import { rawRequest } from './raw-request.ts'

const make = (options: Partial<ConsoleOptions> = {}) => consoleOf({ store: memoryStore(), ...options })
const json = { 'content-type': 'application/json' }
const token = 'a+token&of#the%test'
const get = (app: ReturnType<typeof make>, path: string, headers: Record<string, string> = {}) =>
  app.request(path, { headers })
const post = (
  app: ReturnType<typeof make>,
  path: string,
  body: string,
  headers: Record<string, string> = json,
) => app.request(path, { method: 'POST', headers, body })

/** Every POST route that the console documents. */
async function actions(app: ReturnType<typeof make>): Promise<readonly string[]> {
  const { paths } = (await (await app.request('/api/openapi.json')).json()) as {
    paths: Record<string, object>
  }
  return Object.entries(paths).flatMap(([path, methods]) => ('post' in methods ? [path] : []))
}

describe('the host of a request', () => {
  it.each(['localhost', 'localhost:4000', '127.0.0.1:80', '[::1]:4000', 'LOCALHOST'])(
    'may be %s',
    async (host) => {
      expect((await get(make(), '/api/jobs', { host })).status).toBe(200)
    },
  )

  it.each([
    'evil.example',
    'localhost.evil.example',
    '127.0.0.1.evil.example:4000',
    'evil.example:127.0.0.1',
    '',
  ])('may not be %j', async (host) => {
    const answer = await get(make(), '/api/jobs', { host })
    expect(answer.status).toBe(421)
    expect(await answer.json()).toMatchObject({
      code: 'unknown-host',
      detail: expect.stringContaining('--allow-host'),
    })
    expect((await get(make(), '/', { host })).status).toBe(421)
  })

  it('may be a name of the option `hosts`', async () => {
    const app = make({ hosts: ['ops.example.org'] })
    expect((await get(app, '/api/jobs', { host: 'ops.example.org:8443' })).status).toBe(200)
    expect((await get(app, '/api/jobs', { host: 'localhost' })).status).toBe(200)
    expect((await get(app, '/api/jobs', { host: 'example.org' })).status).toBe(421)
    expect(() => make({ hosts: ['https://ops.example.org'] })).toThrow(/hosts/)
  })

  it('must be known in the request line, too', async () => {
    const answer = await make().request('http://evil.example/api/jobs', { headers: { host: 'localhost' } })
    expect(answer.status).toBe(421)
  })
})

describe('the origin of a request', () => {
  it.each([
    { origin: 'https://evil.example' },
    { origin: 'http://localhost:4001' },
    { origin: 'null' },
    { 'sec-fetch-site': 'cross-site' },
    { 'sec-fetch-site': 'same-site' },
  ])('may not be %j', async (headers) => {
    const host = { host: 'localhost:4000' }
    const read = await get(make(), '/api/jobs', { ...host, ...headers })
    expect([read.status, await read.json()]).toMatchObject([403, { code: 'foreign-origin' }])
    const change = await post(make(), '/api/jobs/cancel', '{"id":"1"}', { ...json, ...host, ...headers })
    expect(change.status).toBe(403)
    expect((await get(make(), '/assets/index.js', { ...host, ...headers })).status).toBe(403)
  })

  it('may be the console itself, also behind a proxy that speaks TLS', async () => {
    for (const origin of ['http://localhost:4000', 'https://localhost:4000']) {
      const headers = { ...json, host: 'localhost:4000', origin, 'sec-fetch-site': 'same-origin' }
      expect((await post(make(), '/api/jobs/cancel', '{"id":"1"}', headers)).status).toBe(404)
    }
  })

  it('may be any page that links to the console', async () => {
    expect((await get(make(), '/', { 'sec-fetch-site': 'cross-site' })).status).not.toBe(403)
  })
})

describe('the token', () => {
  const app = make({ token })

  it('is needed for the API, and for nothing that has no data', async () => {
    const paths = ['/api/jobs', '/api/openapi.json', '/api/nothing', '/nothing']
    for (const path of paths) {
      const answer = await get(app, path)
      expect([path, answer.status, answer.headers.get('www-authenticate')]).toEqual([path, 401, 'Bearer'])
      expect(await answer.json()).toMatchObject({
        code: 'token-needed',
        detail: expect.stringContaining('Bearer'),
      })
    }
    for (const path of await actions(make())) expect((await post(app, path, '{}')).status).toBe(401)
  })

  it('lets programs in as a bearer token', async () => {
    const bearer = (value: string) => get(app, '/api/jobs', { authorization: value })
    expect((await bearer(`Bearer ${token}`)).status).toBe(200)
    expect((await bearer(`bearer  ${token}`)).status).toBe(200)
    for (const wrong of [`Bearer ${token.slice(1)}`, `Basic ${token}`, token, 'Bearer', 'Bearer  ']) {
      expect((await bearer(wrong)).status).toBe(401)
    }
  })

  it('is exchanged for a cookie, which no script reads and no foreign page sends', async () => {
    const letIn = await get(app, `/?token=${encodeURIComponent(token)}&stream=a%2Fb`)
    expect([letIn.status, letIn.headers.get('location')]).toEqual([303, './?stream=a%2Fb'])
    const cookie = letIn.headers.get('set-cookie') ?? ''
    expect(cookie).toMatch(/^eventsourced-console-[0-9a-f]{8}=[0-9a-f]{64}; HttpOnly; SameSite=Strict$/)
    expect(cookie).not.toContain(token)
    const [pair = ''] = cookie.split(';')
    expect((await get(app, '/api/jobs', { cookie: pair })).status).toBe(200)
    expect((await get(app, '/', { cookie: pair })).status).not.toBe(401)
    expect((await get(make({ token: 'another-token' }), '/api/jobs', { cookie: pair })).status).toBe(401)
    expect((await get(app, '/api/jobs', { cookie: `${pair}0` })).status).toBe(401)
  })

  it('gets a Secure cookie over TLS, also of a proxy', async () => {
    const query = `/?token=${encodeURIComponent(token)}`
    const direct = await app.request(`https://localhost${query}`)
    const proxied = await get(app, query, { 'x-forwarded-proto': 'https' })
    for (const answer of [direct, proxied]) expect(answer.headers.get('set-cookie')).toContain('; Secure')
  })

  it('shows a browser without it how to get in', async () => {
    for (const path of ['/', '/?token=wrong']) {
      const answer = await get(app, path, { accept: 'text/html,*/*' })
      expect([answer.status, await answer.text()]).toEqual([401, expect.stringContaining('needs a token')])
      expect(answer.headers.get('set-cookie')).toBeNull()
    }
    // The browser keeps the cookie back when a foreign page links here: the page itself has no data.
    expect((await get(app, '/', { 'sec-fetch-site': 'cross-site' })).status).not.toBe(401)
  })

  it('makes those wait who try many, and nobody else', async () => {
    const tried = make({ token: 'another-token' })
    const attempt = (value: string) => get(tried, '/api/jobs', { authorization: `Bearer ${value}` })
    for (let count = 0; count < 10; count++) await attempt('wrong')
    const begin = performance.now()
    expect((await attempt('another-token')).status).toBe(200)
    expect(performance.now() - begin).toBeLessThan(90)
    expect((await attempt('wrong')).status).toBe(401)
    expect(performance.now() - begin).toBeGreaterThanOrEqual(95)
    const many = await Promise.all(Array.from({ length: 30 }, () => attempt('wrong')))
    expect(new Set(many.map(({ status }) => status))).toEqual(new Set([401, 429]))
    expect((await attempt('another-token')).status).toBe(200)
  })

  it.each(['short', '', 'with a space', 'mit Umlaut ä'])('cannot be %j', (wrong) => {
    expect(() => make({ token: wrong })).toThrow(/8 characters/)
  })
})

describe('a read-only console', () => {
  it('refuses every documented action, and every other change', async () => {
    const app = make({ readOnly: true })
    const documented = await actions(app)
    expect(documented).toHaveLength(11)
    for (const path of [...documented, '/api/another']) {
      for (const method of ['POST', 'PUT', 'PATCH', 'DELETE']) {
        const answer = await app.request(path, { method, headers: json, body: '{}' })
        expect([path, answer.status, await answer.json()]).toMatchObject([path, 403, { code: 'read-only' }])
      }
    }
    expect((await get(app, '/api/jobs')).status).toBe(200)
  })
})

describe('bodies', () => {
  it('must be JSON', async () => {
    for (const path of await actions(make())) {
      for (const type of [
        'text/plain',
        'application/x-www-form-urlencoded',
        'multipart/form-data; boundary=x',
      ]) {
        const answer = await post(make(), path, '{"name":"x"}', { 'content-type': type })
        expect([path, answer.status, await answer.json()]).toMatchObject([path, 415, { code: 'json-needed' }])
      }
      expect((await make().request(path, { method: 'POST' })).status).toBe(415)
    }
  })

  it('must be small', async () => {
    const answer = await post(make(), '/api/jobs/cancel', JSON.stringify({ id: 'x'.repeat(70_000) }))
    expect([answer.status, await answer.json()]).toMatchObject([413, { code: 'body-too-large' }])
  })

  it('must have the parts of the action, and no others', async () => {
    const wrong = await post(make(), '/api/subscriptions/pause', '{"name":1,"force":true}')
    expect(await wrong.json()).toMatchObject({ status: 400, detail: expect.stringMatching(/name: .*force/) })
    const broken = await post(make(), '/api/subscriptions/pause', '{"name"')
    expect(await broken.json()).toMatchObject({ status: 400, code: 'bad-request' })
  })
})

describe('every answer', () => {
  it('has a strict policy, and no answer of the API is kept', async () => {
    const app = make({ token })
    const paths = ['/', '/api/jobs', '/api/nothing', '/assets/nothing.js']
    for (const host of ['localhost', 'evil.example']) {
      for (const path of paths) {
        const { headers } = await get(app, path, { host })
        expect(headers.get('content-security-policy')).toBe(
          "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
        )
        expect(headers.get('x-content-type-options')).toBe('nosniff')
        expect(headers.get('referrer-policy')).toBe('no-referrer')
        expect(headers.get('access-control-allow-origin')).toBeNull()
      }
    }
    expect((await get(make(), '/api/jobs')).headers.get('cache-control')).toBe('no-store')
    expect((await get(make(), '/api/nothing')).headers.get('cache-control')).toBe('no-store')
  })

  it('tells nothing of an error that is a fault of the server', async () => {
    const errors: unknown[] = []
    const secret = 'connect to db.internal with hunter2'
    const store = memoryStore()
    store.listStreams = () => {
      throw new Error(secret)
    }
    const answer = await get(make({ store, onError: (error) => errors.push(error) }), '/api/streams')
    const text = await answer.text()
    expect([answer.status, JSON.parse(text)]).toMatchObject([500, { code: 'internal' }])
    expect(text).not.toContain('hunter2')
    expect(errors).toMatchObject([{ message: secret }])
  })

  it('names the command that creates missing tables, and lets the page try again', async () => {
    const store = memoryStore()
    store.listStreams = () => {
      throw new SchemaMismatchError('The tables in schema `secret` are missing')
    }
    const answer = await get(make({ store, onError() {} }), '/api/streams')
    const text = await answer.text()
    expect([answer.status, JSON.parse(text)]).toMatchObject([
      503,
      { code: 'schema-mismatch', detail: expect.stringContaining('`eventsourced migrate`') },
    ])
    expect(text).not.toContain('secret')
  })

  it('comes in time, also if the database does not answer', async () => {
    const store = memoryStore()
    store.subscriptions.pause = (_name, options) =>
      new Promise((_, reject) => {
        options?.signal?.addEventListener('abort', () => reject(options.signal?.reason))
      })
    const answer = await post(
      make({ store, timeout: 50, onError() {} }),
      '/api/subscriptions/pause',
      '{"name":"a"}',
    )
    expect([answer.status, await answer.json()]).toMatchObject([504, { code: 'timeout' }])
  })
})

describe('over a socket', () => {
  let server: ListeningServer
  beforeAll(async () => {
    server = await listen(make({ token }).fetch, '127.0.0.1', 0)
  })
  afterAll(() => server?.close())

  const name = 'package.json'
  it.each([
    `/${name}`,
    `/../${name}`,
    `/assets/../${name}`,
    `/assets/../../../${name}`,
    `/assets/..%2f..%2f..%2f${name}`,
    `/assets/%2e%2e/%2e%2e/%2e%2e/${name}`,
    `/assets/%2e%2e%2f%2e%2e%2f%2e%2e%2f${name}`,
    `/assets/..%5c..%5c..%5c${name}`,
    `/assets/..\\..\\..\\${name}`,
    `/assets/%252e%252e%252f${name}`,
    `/assets/%c0%ae%c0%ae/${name}`,
    `/assets/....//....//${name}`,
    `/assets//${process.cwd()}/${name}`,
    `/%2f${process.cwd()}/${name}`,
    `//${name}`,
    `/assets/%00../${name}`,
    `/index.html/../../${name}`,
    '/../../../../../../etc/passwd',
    '/assets/..%2f..%2f..%2f..%2f..%2f..%2f..%2fetc%2fpasswd',
  ])('GET %s reads no file', async (path) => {
    const answer = await rawRequest(server.port, `GET ${path}`)
    expect(answer).toMatch(/^HTTP\/1\.1 4\d\d /)
    expect(answer).not.toMatch(/"eventsourced"|@eventsourced\/c|root:/)
  })

  it('a request without a host, or in the form for proxies, is no way around', async () => {
    expect(await rawRequest(server.port, 'GET /api/jobs', {})).toMatch(/^HTTP\/1\.1 4\d\d /)
    const proxied = await rawRequest(server.port, 'GET http://evil.example/api/jobs')
    expect(proxied).toMatch(/^HTTP\/1\.1 4\d\d /)
    expect(await rawRequest(server.port, 'GET /api/jobs', { Host: 'evil.example' })).toContain('unknown-host')
  })

  it('a large body is refused, with and without a length', async () => {
    const Authorization = 'Bearer a-token-of-the-test'
    const open = await listen(make({ token: 'a-token-of-the-test' }).fetch, '127.0.0.1', 0)
    const headers = { Host: 'localhost', Authorization, 'Content-Type': 'application/json' }
    const body = JSON.stringify({ id: 'x'.repeat(100_000) })
    try {
      const sized = { ...headers, 'Content-Length': String(body.length) }
      expect(await rawRequest(open.port, 'POST /api/jobs/cancel', sized, body)).toContain('body-too-large')
      const chunked = { ...headers, 'Transfer-Encoding': 'chunked' }
      const chunks = `${body.length.toString(16)}\r\n${body}\r\n0\r\n\r\n`
      expect(await rawRequest(open.port, 'POST /api/jobs/cancel', chunked, chunks)).toContain(
        'body-too-large',
      )
    } finally {
      await open.close()
    }
  })
})
