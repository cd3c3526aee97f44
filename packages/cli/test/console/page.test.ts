/** How the built page is served, and how the console is mounted in other servers. */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join, sep } from 'node:path'
import { brotliDecompressSync, gunzipSync } from 'node:zlib'
import { memoryStore } from '@eventsourced/core'
import { expressHandler } from '@eventsourced/core/http/express'
import { fastifyHandler } from '@eventsourced/core/http/fastify'
import express from 'express'
import fastify from 'fastify'
import { Hono } from 'hono'
import { afterAll, describe, expect, it } from 'vitest'
import { temporaryFolder } from '../../../../test/temporary-folder.ts'
import { console as consoleOf } from '../../src/console/index.ts'
import { pageOf } from '../../src/console/page.ts'
import { BuiltPage } from '../../src/console/page-files.ts'
import { listen } from '../../src/console-server/listen.ts'
import { rawRequest } from './raw-request.ts'

describe('the page', () => {
  const { path, remove } = temporaryFolder('page')
  const folder = `${join(path, 'built')}${sep}`
  const page = new BuiltPage(folder)
  const app = new Hono().use(pageOf(page))
  app.all('*', (c) => c.text('passed on', 404))
  afterAll(remove)

  it('says how it is built, as long as it is not', async () => {
    const answer = await app.request('/')
    expect([answer.status, await answer.text()]).toEqual([503, expect.stringContaining('npm run build:page')])
    mkdirSync(join(folder, 'assets'), { recursive: true })
    writeFileSync(join(folder, 'assets', 'index-B1x2.js'), 'run()\n'.repeat(100))
    expect((await app.request('/')).status).toBe(503)
    writeFileSync(join(folder, 'index.html'), '<!doctype html>')
    writeFileSync(join(path, 'secret.txt'), 'secret')
    expect((await app.request('/')).status).toBe(200)
  })

  it('is asked for again each time; its hashed files are kept', async () => {
    const html = await app.request('/')
    expect(html.headers.get('content-type')).toMatch(/^text\/html/)
    expect(html.headers.get('cache-control')).toBe('no-cache')
    const tag = html.headers.get('etag') ?? ''
    expect((await app.request('/', { headers: { 'if-none-match': tag } })).status).toBe(304)
    const script = await app.request('/assets/index-B1x2.js')
    expect(script.headers.get('content-type')).toMatch(/^text\/javascript/)
    expect(script.headers.get('cache-control')).toContain('immutable')
  })

  it('is compressed as the browser wants it', async () => {
    const get = async (accepted: string) => {
      const answer = await app.request('/assets/index-B1x2.js', { headers: { 'accept-encoding': accepted } })
      return [answer.headers.get('content-encoding'), Buffer.from(await answer.arrayBuffer())] as const
    }
    const text = 'run()\n'.repeat(100)
    const [brotli, gzip, plain] = [await get('gzip, br'), await get('gzip;q=0.5'), await get('br;q=0')]
    expect([brotli[0], brotliDecompressSync(brotli[1]).toString()]).toEqual(['br', text])
    expect([gzip[0], gunzipSync(gzip[1]).toString()]).toEqual(['gzip', text])
    expect([plain[0], plain[1].toString()]).toEqual([null, text])
  })

  it('stays in memory: no request reads a file', async () => {
    rmSync(folder, { recursive: true })
    expect((await app.request('/assets/index-B1x2.js')).status).toBe(200)
    const server = await listen(app.fetch, '127.0.0.1', 0)
    for (const place of ['../secret.txt', '..%2fsecret.txt', '%2e%2e/secret.txt', '..%5csecret.txt', '']) {
      const answer = await rawRequest(server.port, `GET /assets/${place}`)
      expect(answer).toMatch(/^HTTP\/1\.1 404 /)
      expect(answer).not.toContain('secret\r\n')
    }
    await server.close()
  })
})

describe('the console', () => {
  const make = () => consoleOf({ store: memoryStore(), token: 'a-token-of-the-test' })
  const mounted = () => new Hono().route('/tools/console', make())
  const headers = { authorization: 'Bearer a-token-of-the-test' }

  it('can be mounted in Hono: the page knows its folder, and the rest of the server is untouched', async () => {
    const server = mounted()
    server.get('/tools/other', (c) => c.text('other'))
    const moved = await server.request('/tools/console?stream=a%2Fb')
    expect([moved.status, moved.headers.get('location')]).toEqual([308, './console/?stream=a%2Fb'])
    expect(new URL('./console/', 'http://localhost/tools/console').pathname).toBe('/tools/console/')
    const letIn = await server.request('/tools/console/?token=a-token-of-the-test')
    expect([letIn.status, letIn.headers.get('location')]).toEqual([303, './'])
    expect((await server.request('/tools/console/api/jobs')).status).toBe(401)
    expect((await server.request('/tools/console/api/jobs', { headers })).status).toBe(200)
    expect((await server.request('/tools/console/nothing', { headers })).status).toBe(404)
    const other = await server.request('http://elsewhere.example/tools/other')
    expect([await other.text(), other.headers.get('content-security-policy')]).toEqual(['other', null])
  })

  it('answers any server of fetch by its function `fetch`', async () => {
    const { fetch } = make()
    expect((await fetch(new Request('http://localhost/api/jobs', { headers }))).status).toBe(200)
    expect((await fetch(new Request('http://localhost/api/jobs'))).status).toBe(401)
  })

  it('can be mounted in Express and Fastify', async () => {
    const parts = mounted()
    const inExpress = express()
    inExpress.use(express.json())
    inExpress.use(
      '/tools/console',
      expressHandler((request) => parts.fetch(request)),
    )
    const listening = inExpress.listen(0, '127.0.0.1')
    await new Promise((resolve) => listening.once('listening', resolve))
    const inFastify = fastify()
    inFastify.all(
      '/tools/console',
      fastifyHandler((request) => parts.fetch(request)),
    )
    inFastify.all(
      '/tools/console/*',
      fastifyHandler((request) => parts.fetch(request)),
    )
    await inFastify.listen({ port: 0, host: '127.0.0.1' })
    try {
      for (const address of [listening.address(), inFastify.server.address()]) {
        const place = `http://127.0.0.1:${(address as { port: number }).port}/tools/console`
        expect((await fetch(`${place}/api/jobs`, { headers })).status).toBe(200)
        const body = JSON.stringify({ name: 'mailer' })
        const type = { 'content-type': 'application/json' }
        const post = { method: 'POST', body, headers: { ...headers, ...type } }
        const pause = await fetch(`${place}/api/subscriptions/pause`, post)
        expect(await pause.json()).toMatchObject({ status: 404, code: 'unknown-subscription' })
        expect((await fetch(`${place}/api/subscriptions/pause`, { ...post, headers: type })).status).toBe(401)
      }
    } finally {
      listening.close()
      listening.closeAllConnections()
      await inFastify.close()
    }
  })
})
