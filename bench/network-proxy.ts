/**
 * A network with a delay, as a separate process: forwards bytes in their order, each one after the delay. Its arguments
 * are the server's host, its port, and the delay in milliseconds. It sends its own port to its parent process.
 */
import { createServer, type Socket, connect as tcpConnect } from 'node:net'

const [host = '', port = '', delay = ''] = process.argv.slice(2)

// When one side has finished, the other side can still send.
const server = createServer({ allowHalfOpen: true }, (client) => {
  const upstream = tcpConnect({ port: Number(port), host, allowHalfOpen: true })
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
      // By this clock, a timer may fire a little early. For half a millisecond, a new timer would wait too long.
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
