/** The proxy that simulates a network: all bytes arrive in order, and not before the round trip time. */
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { type AddressInfo, createServer, connect as tcpConnect } from 'node:net'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { expect, it } from 'vitest'

it('forwards all bytes in their order, each after a round trip', async () => {
  const echo = createServer({ allowHalfOpen: true }, (socket) => socket.pipe(socket))
  echo.listen(0, '127.0.0.1')
  await once(echo, 'listening')
  const { port } = echo.address() as AddressInfo
  const program = join(import.meta.dirname, '../../bench/network-proxy.ts')
  const proxy = fork(program, ['127.0.0.1', String(port), '20'], { execArgv: ['--import', 'tsx'] })
  const [proxyPort] = await once(proxy, 'message')

  const client = tcpConnect({ port: proxyPort, host: '127.0.0.1', allowHalfOpen: true })
  const begin = performance.now()
  const firstByte = once(client, 'readable').then(() => performance.now() - begin)
  const lines = Array.from({ length: 5000 }, (_, number) => `line ${number}\n`)
  for (const line of lines) client.write(line)
  client.end()
  expect(await firstByte).toBeGreaterThanOrEqual(39)
  expect(await text(client)).toBe(lines.join(''))

  proxy.disconnect()
  await once(proxy, 'exit')
  await new Promise((resolve) => echo.close(resolve))
})
