/** The simulated network between a contestant and the server, with the delay that it really adds. */
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { statementTime } from './database.ts'

/** The delay in milliseconds on the way to the server, and again on the way back. */
const oneWay = 1

export class Network {
  /** The measured time that the network adds to a round trip, in milliseconds. */
  readonly addedTime: number
  readonly #host: string
  readonly #proxy: ChildProcess

  static async start(serverUrl: string): Promise<Network> {
    const { hostname, port } = new URL(serverUrl)
    const program = join(import.meta.dirname, 'network-proxy.ts')
    const proxy = fork(program, [hostname, port || '5432', String(oneWay)])
    const [proxyPort] = await once(proxy, 'message')
    const host = `127.0.0.1:${proxyPort}`
    const addedTime =
      (await statementTime(through(host, serverUrl), 'select 1')) -
      (await statementTime(serverUrl, 'select 1'))
    return new Network(host, proxy, addedTime)
  }

  private constructor(host: string, proxy: ChildProcess, addedTime: number) {
    this.#host = host
    this.#proxy = proxy
    this.addedTime = addedTime
  }

  /** Returns the URL that leads to a database over this network. */
  route(url: string): string {
    return through(this.#host, url)
  }

  stop(): void {
    this.#proxy.kill()
  }
}

function through(host: string, url: string): string {
  const routed = new URL(url)
  routed.host = host
  return routed.href
}
