/** An HTTP server that sends the balances of a store as Server-Sent Events. */

import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { EventStore, View } from '@eventsourced/core'
import { sse } from '@eventsourced/core/http'
import { getRequestListener } from '@hono/node-server'
import { balances } from '../../src/conformance/balances.ts'

export interface ViewServer {
  readonly url: string
  readonly server: Server
}

/** `GET /?key=…` and `GET /?prefix=…` */
export async function serveViews(
  store: EventStore,
  port = 0,
  view: Pick<View<unknown>, 'watch'> = store.view(balances),
): Promise<ViewServer> {
  const server = createServer(
    getRequestListener((request) => {
      const { searchParams } = new URL(request.url)
      const [key, prefix] = [searchParams.get('key') ?? undefined, searchParams.get('prefix') ?? undefined]
      return sse(view, request, { key, prefix, retry: 20 })
    }),
  )
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve))
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, server }
}
