// Starts the compiled example on an embedded Postgres, sends requests to it, and ends it with SIGTERM.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'

const url = 'http://localhost:3917'
const env = { ...process.env, PORT: '3917', DATABASE_URL: 'pglite:memory' }
const server = spawn(process.execPath, ['dist/main.js'], { env, stdio: ['ignore', 'ignore', 'inherit'] })
const ended = once(server, 'exit')

const isUp = () =>
  fetch(`${url}/health`).then(
    ({ ok }) => ok,
    () => false,
  )
while (!(await isUp())) {
  if (server.exitCode !== null) throw new Error('the example has ended')
  await sleep(50)
}
const send = (command) =>
  fetch(`${url}/carts/1`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(command),
  }).then((response) => response.json())
await send({ type: 'add', price: 40 })
const { position } = await send({ type: 'add', price: 2 })
const total = await fetch(`${url}/carts/1?atLeast=${position}`).then((response) => response.json())
if (total.items !== 2 || total.total !== 42) throw new Error(`the view has ${JSON.stringify(total)}`)
server.kill('SIGTERM')
const [, signal] = await ended
if (signal !== 'SIGTERM') throw new Error(`the example ended with the signal ${signal}`)
console.log('the example answers requests and ends on SIGTERM')
