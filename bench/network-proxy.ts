/**
 * A network of the given delay, as a process of its own: passes bytes on in their order, each as long after it came.
 * Started with the server's host and port and the delay in milliseconds; tells its own port to who started it.
 */
import { createServer, type Socket, connect as tcpConnect } from 'node:net'

const [host = '', port = '', delay = ''] = process.argv.slice(2)

const server = createServer((client) => {
  const upstream = tcpConnect(Number(port), host)
  pass(client, upstream)
  pass(upstream, client)
})
server.listen(0, '127.0.0.1', () => {
  const address = server.address()
  process.send?.(typeof address === 'object' ? address?.port : address)
})
process.once('disconnect', () => process.exit(0))

function pass(from: Socket, to: Socket): void {
  const waiting: { readonly due: number; readonly chunk: Buffer | undefined }[] = []
  from.setNoDelay()
  from.on('data', (chunk) => enqueue(chunk))
  from.on('end', () => enqueue(undefined))
  from.on('error', () => to.destroy())
  from.on('close', () => enqueue(undefined))

  function enqueue(chunk: Buffer | undefined): void {
    waiting.push({ due: performance.now() + Number(delay), chunk })
    if (waiting.length === 1) setTimeout(deliver, Number(delay))
  }

  function deliver(): void {
    const now = performance.now()
    for (let next = waiting[0]; next !== undefined; next = waiting[0]) {
      // A timer may come a little early by this clock; half a tick is no reason to wait a whole one.
      if (next.due > now + 0.5) {
        setTimeout(deliver, next.due - now)
        return
      }
      waiting.shift()
      if (next.chunk === undefined) to.end()
      else if (!to.destroyed) to.write(next.chunk)
    }
  }
}
