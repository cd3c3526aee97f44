/** The simulated network between a contestant and the server: started when first needed, and measured. */
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { withClient } from './database.ts'

/** Milliseconds on the way to the server, and again on the way back. */
const oneWay = 1

export class Network {
  /** What the network adds to a round trip, as measured, in milliseconds. */
  readonly addedTime: number
  readonly #host: string
  readonly #proxy: ChildProcess

  static async start(serverUrl: string): Promise<Network> {
    const { hostname, port } = new URL(serverUrl)
    const program = join(import.meta.dirname, 'network-proxy.ts')
    const proxy = fork(program, [hostname, port || '5432', String(oneWay)])
    const [proxyPort] = await once(proxy, 'message')
    const host = `127.0.0.1:${proxyPort}`
    const addedTime = (await roundTrip(through(host, serverUrl))) - (await roundTrip(serverUrl))
    return new Network(host, proxy, addedTime)
  }

  private constructor(host: string, proxy: ChildProcess, addedTime: number) {
    this.#host = host
    this.#proxy = proxy
    this.addedTime = addedTime
  }

  /** The way to a database over this network. */
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

/** The median time of the smallest question, in milliseconds. */
async function roundTrip(url: string): Promise<number> {
  return withClient(url, async (client) => {
    const times: number[] = []
    for (let asked = 0; asked < 200; asked++) {
      const begin = performance.now()
      await client.query('select 1')
      times.push(performance.now() - begin)
    }
    return times.sort((a, b) => a - b)[times.length / 2] ?? Number.NaN
  })
}
