/** An HTTP server in front of an emulator that passes each request on after a delay, as if the service were far away. */
import { once } from 'node:events'
import { Agent, createServer, request } from 'node:http'
import type { AddressInfo } from 'node:net'

export interface SlowEndpoint {
  readonly endpoint: string
  stop(): Promise<void>
}

export async function startSlowEndpoint(target: string, milliseconds: number): Promise<SlowEndpoint> {
  const agent = new Agent({ keepAlive: true })
  const server = createServer((incoming, outgoing) => {
    const { method, headers, url } = incoming
    setTimeout(() => {
      const forwarded = request(new URL(url ?? '/', target), { method, headers, agent }, (answer) => {
        outgoing.writeHead(answer.statusCode ?? 500, answer.headers)
        answer.pipe(outgoing)
      })
      forwarded.on('error', () => outgoing.destroy())
      incoming.pipe(forwarded)
    }, milliseconds)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async stop() {
      server.close()
      server.closeAllConnections()
      agent.destroy()
    },
  }
}
