/** Listens with a server of Node.js, and ends it in bounded time. */
import { once } from 'node:events'
import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createAdaptorServer } from '@hono/node-server'
import { CommandFailure, wrongUsage } from '../failure.ts'

export interface ListeningServer {
  readonly port: number
  /** Takes no more requests, and cuts the connections that are open. */
  close(): Promise<void>
}

/** @throws CommandFailure if the address or the port cannot be used */
export async function listen(
  fetch: (request: Request) => Response | Promise<Response>,
  host: string,
  port: number,
): Promise<ListeningServer> {
  const server = createAdaptorServer({ fetch: (request) => fetch(request) }) as Server
  server.listen(port, host)
  try {
    await once(server, 'listening')
  } catch (error) {
    throw failureOf(error as NodeJS.ErrnoException, host, port)
  }
  return {
    port: (server.address() as AddressInfo).port,
    async close() {
      const closed = once(server, 'close')
      server.close()
      server.closeAllConnections()
      await closed
    },
  }
}

function failureOf(error: NodeJS.ErrnoException, host: string, port: number): CommandFailure {
  switch (error.code) {
    case 'EADDRINUSE':
      return new CommandFailure(
        `Another program listens at port ${port} of ${host}. Give another one with --port; --port 0 takes any free one`,
      )
    case 'EACCES':
      return new CommandFailure(`This user may not listen at port ${port}. Give one above 1023 with --port`)
    case 'EADDRNOTAVAIL':
    case 'ENOTFOUND':
      return wrongUsage(`--host ${host} is no address of this machine`)
    default:
      return new CommandFailure(`The console cannot listen at ${host}, port ${port}: ${error.message}`)
  }
}
