/** Serves the page of the browser test, and the live views that it shows. Arguments: port, database, the script of the page. */
import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { sse } from '@eventsourced/core/http'
import { postgresStore } from '@eventsourced/core/postgres'
import { getRequestListener } from '@hono/node-server'
import { balances } from '../../src/conformance/balances.ts'

const [port, database = '', script = ''] = process.argv.slice(2)
const store = postgresStore(database, { inline: [balances] })
const html = '<!doctype html><div id="root"></div><script type="module" src="/app.js"></script>'
let connections = 0

function answer(request: Request): Response {
  const { pathname, searchParams } = new URL(request.url)
  if (pathname === '/') return new Response(html, { headers: { 'content-type': 'text/html' } })
  if (pathname === '/app.js')
    return new Response(readFileSync(script), { headers: { 'content-type': 'text/javascript' } })
  if (pathname === '/connections') return Response.json(connections)
  if (pathname !== '/live') return new Response('not found', { status: 404 })
  connections++
  const [key, prefix] = [searchParams.get('key') ?? undefined, searchParams.get('prefix') ?? undefined]
  return sse(store.view(balances), request, { key, prefix, retry: 100 })
}

createServer(getRequestListener(answer)).listen(Number(port), '127.0.0.1', () => process.send?.('listening'))
